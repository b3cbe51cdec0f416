// What is sent when a panel's main button is pressed.
import type { Box, JobRequest, Picture, Region, Stroke, Task } from "../api/types";
import { isEmpty } from "../stage/stroke";
import { optionOf, optionsToSend, type Values, without, withValue } from "./values";

export interface Mask {
  strokes: readonly Stroke[];
  grow: number;
  feather: number;
}

export const NO_MASK: Mask = { strokes: [], grow: 0, feather: 0 };

/** Whether anything is left to be filled: strokes that add. */
export function hasHole(mask: Mask): boolean {
  return !isEmpty(mask.strokes);
}

/** A mask counts as edited when it is not just the region of the damage that was found. */
export function isEdited(mask: Mask, found: Region | null): boolean {
  const [first, ...rest] = mask.strokes;
  if (first === undefined) return found !== null && found.area > 0;
  return !(
    found !== null &&
    rest.length === 0 &&
    first.kind === "region" &&
    first.region === found.id &&
    !first.erase
  );
}

/** Fill what the mask shows. */
export function fillRequest(task: Task, picture: Picture, values: Values, mask: Mask): JobRequest {
  let options = withValue(values, optionOf(task, "grow"), "grow", mask.grow);
  options = withValue(options, optionOf(task, "feather"), "feather", mask.feather);
  if (!isMaskFile(values)) options = without(options, ["mask"]);
  const request: JobRequest = { task: task.name, picture: picture.id, options: optionsToSend(task, options) };
  return hasHole(mask) ? { ...request, strokes: [...mask.strokes] } : request;
}

function isMaskFile(values: Values): boolean {
  return typeof values.mask === "string" && values.mask !== "";
}

/** Any other task: its options alone. */
export function plainRequest(task: Task, picture: Picture, values: Values): JobRequest {
  return { task: task.name, picture: picture.id, options: optionsToSend(task, values) };
}

/** Options of `repair` that fill the damage and that `inpaint` has, too; those that find it are left out. */
const FINDING = ["sensitivity", "only", "infrared", "grow"];

/**
 * Repair: as it was found, by `restore repair`; where the mask was edited, by `restore inpaint` with the mask
 * as it is now, which already has what `--grow` of repair adds.
 */
export function repairRequest(
  tasks: { repair: Task; inpaint: Task | undefined },
  picture: Picture,
  values: Values,
  mask: Mask,
  found: Region | null,
): JobRequest {
  const { repair, inpaint } = tasks;
  if (inpaint === undefined || mask.strokes.length === 0 || !isEdited(mask, found)) {
    return plainRequest(repair, picture, values);
  }
  return fillRequest(inpaint, picture, without(values, FINDING), { ...mask, grow: 0, feather: 0 });
}

/** Options that say how a file is read: what is found depends on them in every task. */
const READING = ["allow_damaged", "data_range", "pages"];

export function lookRequest(
  task: Task,
  picture: Picture,
  values: Values,
  names: readonly string[],
): JobRequest {
  const asked = Object.fromEntries(
    Object.entries(optionsToSend(task, values)).filter(([n]) => [...names, ...READING].includes(n)),
  );
  return { task: task.name, picture: picture.id, options: asked, kind: "look" };
}

export const MOST_PREVIEWED = 768;

/** The part of the view that a preview shows: its middle where it is larger than can be had at once. */
export function previewBox(view: Box, picture: { width: number; height: number }): Box | null {
  const left = Math.max(0, Math.floor(view.x));
  const top = Math.max(0, Math.floor(view.y));
  const right = Math.min(picture.width, Math.ceil(view.x + view.width));
  const bottom = Math.min(picture.height, Math.ceil(view.y + view.height));
  if (right - left < 1 || bottom - top < 1) return null;
  const width = Math.min(right - left, MOST_PREVIEWED);
  const height = Math.min(bottom - top, MOST_PREVIEWED);
  return {
    x: left + Math.floor((right - left - width) / 2),
    y: top + Math.floor((bottom - top - height) / 2),
    width,
    height,
  };
}

export function previewRequest(task: Task, picture: Picture, values: Values, view: Box): JobRequest | null {
  const box = previewBox(view, picture);
  return box === null ? null : { ...plainRequest(task, picture, values), kind: "preview", box };
}

/** A value as text, the same whatever the order of its keys. */
export function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    const sorted = entries.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${sorted.map(([name, each]) => `${JSON.stringify(name)}:${stable(each)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
