import { signal } from "@preact/signals";

/** A key of the page; the sheet that `?` opens lists them all. */
export interface Key {
  /** As KeyboardEvent.key, with "Ctrl+" and "Shift+" before it; Ctrl is Command on a Mac. "z", "Ctrl+z", "Shift+ArrowLeft". */
  keys: string[];
  /** The heading it is listed under, and what it does: from the texts. */
  group: string;
  does: string;
  /** Called with the event; returning false lets the browser have the key. */
  run: (event: KeyboardEvent) => unknown;
  /** Works in fields and on buttons, too. */
  always?: boolean;
}

export const keyList = signal<Key[]>([]);

/** Adds keys; what is returned takes them away, as effects of components want it. */
export function addKeys(added: Key[]): () => void {
  keyList.value = [...keyList.value, ...added];
  return () => {
    keyList.value = keyList.value.filter((key) => !added.includes(key));
  };
}

/** The name of the key that an event tells, as `Key.keys` writes it. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey">): string {
  const letter = event.key.length === 1;
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  // Shift is part of "?" and "+" already; of letters it is told only beside Ctrl.
  const shift = event.shiftKey && (!letter || control) ? "Shift+" : "";
  return control + shift + (letter ? event.key.toLowerCase() : event.key);
}

const FIELDS =
  "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

function wanted(key: Key, event: KeyboardEvent): boolean {
  if (key.always) return true;
  const at = event.target instanceof Element ? event.target : null;
  if (at?.closest(FIELDS) || document.querySelector("dialog[open]")) return false;
  // Enter, space and arrows belong to the control that has the focus.
  const own = event.key === " " || event.key === "Enter" || event.key.startsWith("Arrow");
  return !(
    own && at?.closest("button, a, input, summary, [role=tab], [role=slider], [role=option], [role=radio]")
  );
}

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const name = nameOf(event);
  for (const key of [...keyList.value].reverse()) {
    if (!key.keys.includes(name) || !wanted(key, event)) continue;
    if (key.run(event) === false) continue;
    event.preventDefault();
    return;
  }
}
