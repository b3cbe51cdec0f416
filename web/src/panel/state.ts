// What the panel knows beside the options: errors, uploaded files, looks that were asked for.
import { signal } from "@preact/signals";
import { ApiError } from "../api/client";
import { wordsOf } from "../store/actions";
import { kept } from "../store/kept";
import { openPanel } from "../store/shell";

/** What is wrong with the options as they are, and with which of them. */
export interface Wrong {
  message: string;
  option: string | null;
}

export function wrongOf(error: unknown): Wrong {
  return { message: wordsOf(error), option: error instanceof ApiError ? error.option : null };
}

/** Whether all options are shown in place of the panel, and the one that is to be seen first. */
export const moreOpen = signal(false);
export const moreAt = signal<string | null>(null);

export function openMore(option: string | null = null): void {
  openPanel(true);
  moreAt.value = option;
  moreOpen.value = true;
}

/** Whether a preview is computed after each change. */
export const autoPreview = kept("preview-auto", true);

/** The names of uploaded files, by their ids. */
export const fileNames = kept<Record<string, string>>("file-names", {});

export function nameFile(id: string, name: string): void {
  fileNames.value = { ...fileNames.value, [id]: name };
}
