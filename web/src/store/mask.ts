import { signal } from "@preact/signals";
import type { Strokes } from "../api/types";

/**
 * The strokes of each picture. The stage loads them from the server, keeps them there, and undoes; the panel
 * reads them, sets `grow` and `feather`, and sends the strokes with a job.
 */
export const masks = signal<ReadonlyMap<string, Strokes>>(new Map());

const empty: Strokes = { strokes: [], grow: 0, feather: 0 };

export function maskOf(picture: string): Strokes {
  return masks.value.get(picture) ?? empty;
}

export function setMask(picture: string, change: Partial<Strokes>): void {
  masks.value = new Map(masks.value).set(picture, { ...maskOf(picture), ...change });
}
