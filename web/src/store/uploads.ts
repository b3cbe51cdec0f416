import { computed, signal } from "@preact/signals";
import { type Upload, uploadPicture } from "../api/client";
import type { Limits, Picture } from "../api/types";
import { text } from "../text/en";
import { wordsOf } from "./actions";
import { choosePicture } from "./choice";
import { inputs, session } from "./data";
import { tell } from "./notices";
import { view } from "./shell";
import { keepPicture } from "./sync";

export interface Sending {
  id: number;
  file: File;
  share: number;
  status: "waiting" | "sending" | "done" | "failed";
  error: string | null;
}

export const sendings = signal<readonly Sending[]>([]);
export const isSending = computed(() =>
  sendings.value.some(({ status }) => status === "waiting" || status === "sending"),
);

/** One at a time, so that the pictures come in the order of their names. */
const AT_ONCE = 1;
const running = new Map<number, Upload>();
let last = 0;

function change(id: number, change: Partial<Sending>): void {
  sendings.value = sendings.value.map((each) => (each.id === id ? { ...each, ...change } : each));
}

const extensionOf = (name: string) => /\.[^.]*$/.exec(name.toLowerCase())?.[0] ?? "";

/** Why a file is not sent, or null. */
export function refusal(
  file: Pick<File, "name" | "size">,
  limits: Limits,
  extensions: string[],
  there: number,
): string | null {
  if (!extensions.includes(extensionOf(file.name))) return text.uploads.kind(extensions);
  if (file.size > limits.file_bytes) return text.uploads.large(file.size, limits.file_bytes);
  if (there >= limits.pictures) return text.uploads.many(limits.pictures);
  return null;
}

/** Of the files of a folder those that are pictures; its other files are no mistakes. */
export function picturesAmong(files: File[], extensions: string[]): File[] {
  return files
    .filter(({ name }) => !name.startsWith(".") && extensions.includes(extensionOf(name)))
    .sort((a, b) =>
      (a.webkitRelativePath || a.name).localeCompare(b.webkitRelativePath || b.name, "en", { numeric: true }),
    );
}

/** Sends files; the first of them that arrives is chosen, and a folder opens the table. */
export function open(files: File[], folder = false): void {
  const known = session.value;
  if (!known) return;
  const wanted = folder ? picturesAmong(files, known.extensions) : files;
  if (wanted.length === 0) {
    tell(text.uploads.nothing, "bad");
    return;
  }
  if (wanted.length < files.length) tell(text.uploads.hidden(files.length - wanted.length));
  const under = sendings.value.filter(({ status }) => status === "waiting" || status === "sending");
  let there = inputs.value.length + under.length;
  const added = wanted.map((file): Sending => {
    const error = refusal(file, known.limits, known.extensions, there);
    if (!error) there++;
    return { id: ++last, file, share: 0, status: error ? "failed" : "waiting", error };
  });
  sendings.value = [...(under.length ? sendings.value : []), ...added];
  first = under.length === 0 || first;
  if (folder && added.some(({ error }) => !error)) view.value = "table";
  else if (view.value === "table" && added.length === 1) view.value = "picture";
  next();
}

let first = false;

function arrived(id: number, picture: Picture): void {
  keepPicture(picture);
  change(id, { status: "done", share: 1 });
  if (first) choosePicture(picture.id);
  first = false;
}

function next(): void {
  while (running.size < AT_ONCE) {
    const sending = sendings.value.find(({ status }) => status === "waiting");
    if (!sending) break;
    const upload = uploadPicture(sending.file, (share) => change(sending.id, { share }));
    running.set(sending.id, upload);
    change(sending.id, { status: "sending" });
    upload.done
      .then((picture) => arrived(sending.id, picture))
      .catch((error: unknown) => {
        const stopped = error instanceof DOMException;
        change(sending.id, { status: "failed", error: stopped ? text.uploads.stopped : wordsOf(error) });
      })
      .finally(() => {
        running.delete(sending.id);
        next();
      });
  }
  // What went well needs no more words.
  if (!isSending.value) sendings.value = sendings.value.filter(({ status }) => status === "failed");
}

export function stopSending(): void {
  sendings.value = sendings.value.map((each) =>
    each.status === "waiting" ? { ...each, status: "failed", error: text.uploads.stopped } : each,
  );
  for (const upload of running.values()) upload.abort();
}

export function dismissSendings(): void {
  sendings.value = sendings.value.filter(({ status }) => status !== "failed");
}
