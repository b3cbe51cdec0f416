import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  kind: "plain" | "bad";
  text: string;
}

/** What is shown in passing at the edge of the page. */
export const notices = signal<Notice[]>([]);
/** What screen readers say next, and nobody sees. */
export const said = signal("");

let last = 0;

/** Shows and says a line. Errors stay until they are dismissed. */
export function tell(text: string, kind: Notice["kind"] = "plain"): void {
  if (!text) return;
  const id = ++last;
  notices.value = [...notices.value.filter((notice) => notice.text !== text), { id, kind, text }].slice(-4);
  if (kind === "plain") setTimeout(() => dismiss(id), 5000);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Says a line to screen readers only. */
export function say(text: string): void {
  said.value = text;
}
