import { urls } from "../api/client";
import { picture, show, shown } from "../store/choice";
import { stepPicture, stepResult } from "../store/history";
import { addKeys, type Key } from "../store/keys";
import { coarse, keysOpen, openPanel, panelOpen, queueOpen, view, wide } from "../store/shell";
import { text } from "../text/en";
import { chooseFiles } from "./files";
import { stepTask } from "./rail";

function closeOne(): boolean {
  // A dialog is closed by the browser, and nothing beneath it.
  if (document.querySelector("dialog[open]")) return false;
  if (queueOpen.value) queueOpen.value = false;
  else if (!wide.value && panelOpen.value && picture.value) openPanel(false);
  else if (view.value === "table") view.value = "picture";
  else return false;
  return true;
}

function download(): boolean {
  const at = shown.value;
  if (!at) return false;
  const link = document.createElement("a");
  link.href = urls.file(at.id);
  link.download = at.name;
  link.click();
  return true;
}

/** The keys of the page itself; the stage and the panel add their own. */
export function addPageKeys(): () => void {
  const { keySheet: says, tabs, strip } = text;
  const general = (keys: string[], does: string, run: Key["run"]): Key => ({
    keys,
    does,
    run,
    group: says.general,
  });
  const moving = (keys: string[], does: string, run: Key["run"]): Key => ({
    keys,
    does,
    run,
    group: says.pictures,
  });
  const toggle = (signal: { value: boolean }) => () => {
    signal.value = !signal.value;
  };
  return addKeys([
    general(["o", "Ctrl+o"], says.open, () => chooseFiles(false)),
    general(["Ctrl+Shift+o"], says.folder, () => !coarse.value && chooseFiles(true)),
    // The browser's own event does it; it is listed here.
    general(["Ctrl+v"], says.paste, () => false),
    general(["t"], says.table, () => {
      view.value = view.value === "table" ? "picture" : "table";
    }),
    general(["q"], says.queue, toggle(queueOpen)),
    general(["p"], says.panel, () => (wide.value ? focusPanel() : openPanel(!panelOpen.value))),
    general(["Ctrl+ArrowDown"], text.keySheet.tasks, () => stepTask(1)),
    general(["Ctrl+ArrowUp"], text.keySheet.tasks, () => stepTask(-1)),
    general(["?"], says.keys, toggle(keysOpen)),
    { ...general(["Escape"], says.escape, closeOne), always: true },
    moving(["PageUp"], tabs.previous, () => stepPicture(-1)),
    moving(["PageDown"], tabs.next, () => stepPicture(1)),
    moving([","], strip.previous, () => stepResult(-1)),
    moving(["."], strip.next, () => stepResult(1)),
    moving(["/"], says.original, () => picture.value && show(picture.value.id, null)),
    moving(["d", "Ctrl+s"], says.download, download),
  ]);
}

/** Puts the focus on the first control of the panel. */
function focusPanel(): void {
  document
    .querySelector<HTMLElement>("#panel :is(button, input, select, textarea, summary, a[href])")
    ?.focus();
}
