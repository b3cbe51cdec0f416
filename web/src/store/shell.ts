import { computed, signal } from "@preact/signals";
import { kept } from "./kept";

/** What of the page is open. */
export const view = kept<"picture" | "table">("view", "picture");
const panelAsked = kept("panel", { picture: true, table: false });
export const queueOpen = signal(false);
export const keysOpen = signal(false);
/** Files are being dragged over the page. */
export const dragging = signal(false);

function watched(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", (event) => {
    matches.value = event.matches;
  });
  return matches;
}

/** Below 700 pixels: tasks at the bottom, the panel as a sheet. Below 1100: the panel slides over. */
export const narrow = watched("(max-width: 699.98px)");
export const wide = watched("(min-width: 1100px)");
export const coarse = watched("(pointer: coarse)");

/** The panel is always there on wide pages; else it covers a part of what is under it, and is asked for. */
export const panelOpen = computed(() => wide.value || panelAsked.value[view.value]);

export function openPanel(open: boolean): void {
  panelAsked.value = { ...panelAsked.value, [view.value]: open };
}
