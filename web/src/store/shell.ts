import { computed, signal } from "@preact/signals";
import { kept } from "./kept";

/** What of the page is open. */
export const view = kept<"picture" | "table">("view", "picture");
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

/**
 * Below 1100 pixels the panel can be put away. On pages that are narrow or upright it is a sheet under the picture,
 * of which only the main button is left; else a column at the right.
 */
export const narrow = watched("(max-width: 699.98px)");
export const wide = watched("(min-width: 1100px)");
export const sheet = watched("(max-width: 699.98px), (max-width: 1099.98px) and (orientation: portrait)");
export const coarse = watched("(pointer: coarse)");

const columnOpen = kept<boolean>("column", true);
/** How much of an upright page the sheet takes: the main button alone, a part, or most of it. */
export type Height = "low" | "half" | "high";
export const sheetHeight = kept<Height>("sheet", "low");

/** Whether more of the panel is there than its main button. */
export const panelOpen = computed(
  () => wide.value || (sheet.value ? sheetHeight.value !== "low" : columnOpen.value),
);

export function openPanel(open: boolean): void {
  if (!sheet.value) columnOpen.value = open;
  else if (open !== panelOpen.value) sheetHeight.value = open ? "half" : "low";
}
