/** What is erased, marked on the picture: boxes and points, which are the options `box` and `at` of the task. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Options, Region } from "../api/types";
import { options, picture, setOptions, task } from "../store/choice";
import type { Point, Rect, Size } from "./geometry";

export interface Marks {
  readonly boxes: readonly Rect[];
  readonly points: readonly Point[];
}

function listed(value: unknown): string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.filter((each): each is string => typeof each === "string" && each.trim() !== "");
}

/** The numbers of "10,20" or "10%,20%": of pixels, or of a share of the sides; null for anything else. */
function numbers(text: string, count: number, of: Size): number[] | null {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length !== count || parts.some((part) => !/^\d+(\.\d+)?%?$/.test(part))) return null;
  return parts.map((part, i) => {
    const value = Number.parseFloat(part);
    return part.endsWith("%") ? (value / 100) * (i % 2 ? of.height : of.width) : value;
  });
}

/** What options mark; what cannot be read is told by the panel. */
export function marksOf(values: Options, of: Size): Marks {
  const boxes = listed(values.box).flatMap((text) => {
    const [x, y, width, height] = numbers(text, 4, of) ?? [];
    if (x === undefined || y === undefined || width === undefined || height === undefined) return [];
    return [{ x, y, width, height }];
  });
  const points = listed(values.at).flatMap((text) => {
    const [x, y] = numbers(text, 2, of) ?? [];
    return x === undefined || y === undefined ? [] : [{ x, y }];
  });
  return { boxes, points };
}

/** Whether the task is told places by boxes and points. */
export const placing: ReadonlySignal<boolean> = computed(() => task.value?.name === "erase");

export const marks: ReadonlySignal<Marks | null> = computed(() => {
  const of = picture.value;
  return of && placing.value ? marksOf(options.value, of) : null;
});

/** The options before each mark that was made here, of each picture. */
const past = signal<Readonly<Record<string, readonly Options[]>>>({});
/** How far the object at a point reaches, as it was found when the point was set. */
const reaches = signal<Readonly<Record<string, Rect>>>({});
const keyOf = (id: string, at: Point): string => `${id}/${at.x},${at.y}`;

function change(id: string, values: Options): void {
  past.value = { ...past.value, [id]: [...(past.value[id] ?? []), options.peek()] };
  setOptions(id, "erase", values);
}

function add(id: string, name: "box" | "at", text: string): void {
  const now = options.peek();
  if (!listed(now[name]).includes(text)) change(id, { ...now, [name]: [...listed(now[name]), text] });
}

export function addBox(id: string, { x, y, width, height }: Rect): void {
  add(id, "box", [x, y, width, height].join(","));
}

/** Mark an object by a point in it; the region says how far it reaches. */
export function addPoint(id: string, at: Point, region: Region): void {
  const { x, y, width, height } = region;
  reaches.value = { ...reaches.value, [keyOf(id, at)]: { x, y, width, height } };
  add(id, "at", `${at.x},${at.y}`);
}

export const reachOf = (id: string, at: Point): Rect | null => reaches.value[keyOf(id, at)] ?? null;

export const canUndoMark: ReadonlySignal<boolean> = computed(
  () => (past.value[picture.value?.id ?? ""]?.length ?? 0) > 0,
);

/** Take back the last mark. */
export function undoMark(): void {
  const id = picture.peek()?.id;
  const before = id === undefined ? undefined : past.value[id];
  const last = before?.at(-1);
  if (id === undefined || before === undefined || last === undefined) return;
  past.value = { ...past.value, [id]: before.slice(0, -1) };
  setOptions(id, "erase", { ...without(options.peek()), ...only(last) });
}

export function clearMarks(): void {
  const id = picture.peek()?.id;
  if (id !== undefined) change(id, without(options.peek()));
}

const without = ({ box: _box, at: _at, ...others }: Options): Options => others;
const only = ({ box, at }: Options): Options => ({
  ...(box === undefined ? {} : { box }),
  ...(at === undefined ? {} : { at }),
});
