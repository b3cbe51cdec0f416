/** What the stage shows and how: signals beside those of store/stage.ts, and what follows from the store. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Box, Picture } from "../api/types";
import { picture, shown, shownJob, shownMap, task } from "../store/choice";
import { latestJob, pictures } from "../store/data";
import { kept } from "../store/kept";
import { type Compare, compare, overlayMap, placeTool, type Tool, tool } from "../store/stage";
import { MAP, MASK_COLOURS } from "./colours";
import type { Point, Rect, Size } from "./geometry";
import { placing } from "./marks";
import type { Placed } from "./painter";
import type { Pane as Room, View } from "./view";

export const view = signal<View | null>(null);
/** The size of the whole stage in device pixels, and how many of them a CSS pixel has. */
export const stageSize = signal<Size>({ width: 1, height: 1 });
export const ratio = signal(1);

/** Where the divider is, as a share of the stage. */
export const divider = kept<number>("divider", 0.5);
/** While a key is held, the other picture is shown. */
export const peeking = signal(false);
/** Which of the two blinking shows. */
export const blinkOn = signal(false);
/** Whether the result lacks tiles in view so that the picture shows in their place. */
export const awaited = signal(false);

export const maskShown = kept<boolean>("mask-shown", true);
export const maskOpacity = kept<number>("mask-opacity", 0.6);
export const maskColour = kept<string>("mask-colour", MASK_COLOURS[0]);
export const mapOpacity = kept<number>("map-opacity", 0.7);
/** Whether a pen's pressure changes the size of the brush. */
export const pressure = kept<boolean>("pressure", false);
/** Lasso, box and magic select take away from the mask instead of adding to it. */
export const taking = signal(false);
/** Painting on a result: the mask is shown over it until something else is looked at. */
export const painting = signal(false);
/** How much of the picture is masked, 0 to 1. */
export const maskShare = signal(0);
/** The share of tiles in view that came; for tests and the busy mark. */
export const sharp = signal(false);

/** The crosshair of the keyboard, in the picture's pixels. */
export const crosshair = signal<Point | null>(null);
/** Where the mouse is over the stage, in device pixels. */
export const pointer = signal<Point | null>(null);

export type Draft =
  | { kind: "lasso"; points: number[] }
  | { kind: "box"; rect: Rect }
  | { kind: "circle"; at: Point; radius: number };
/** What is being drawn and is no stroke yet. */
export const draft = signal<Draft | null>(null);
/** Where magic select is at work. */
export const selecting = signal<Point | null>(null);
/** Words of the server about a point. */
export const bubble = signal<{ at: Point; words: string } | null>(null);

/** Whether the task takes a mask, so that its tools are there. */
export const masking: ReadonlySignal<boolean> = computed(
  () => task.value?.needs === "mask" || task.value?.name === "repair",
);
export const activeTool: ReadonlySignal<Tool> = computed(() => {
  if (masking.value) return tool.value;
  return placing.value ? placeTool.value : "pan";
});

const whole = (p: Picture): Rect => ({ x: 0, y: 0, width: p.width, height: p.height });

/** A picture laid over another: all of it, or its box. */
export const placed = (source: Picture, over: Picture, box: Box | null = null): Placed => ({
  source,
  box: box ?? whole(over),
  alpha: source.alpha,
});

/** The newest preview of the chosen task, as long as no later result is shown. */
export const patch: ReadonlySignal<Placed | null> = computed(() => {
  const over = picture.value;
  const job = over && task.value ? latestJob(over.id, task.value.name, "preview") : null;
  const source = pictures.value.get(job?.results[0]?.picture ?? "");
  if (!over || !job?.box || !source) return null;
  return (shownJob.value?.created ?? 0) > job.created ? null : placed(source, over, job.box);
});

export interface Scene {
  readonly picture: Picture;
  /** What lies on the two sides, the lowest first. */
  readonly before: readonly Placed[];
  readonly after: readonly Placed[] | null;
  readonly map: Placed | null;
}

export const scene: ReadonlySignal<Scene | null> = computed(() => {
  const of = picture.value;
  if (!of) return null;
  const before = [placed(of, of)];
  const result = shown.value ? [placed(shown.value, of)] : null;
  const after = patch.value ? [...before, patch.value] : result;
  const map = overlayMap.value && shownMap.value ? { ...placed(shownMap.value, of), finish: MAP } : null;
  return { picture: of, before, after, map };
});

/** How the two are compared now; there must be two for that. */
export const mode: ReadonlySignal<Compare> = computed(() => (scene.value?.after ? compare.value : "picture"));

export type Side = "before" | "after";

/** Which side is shown where only one is; null where both are. */
export const single: ReadonlySignal<Side | null> = computed(() => {
  const base: Record<Compare, Side | null> = {
    divider: null,
    side: null,
    blink: blinkOn.value ? "after" : "before",
    result: "after",
    picture: "before",
  };
  const side = base[mode.value];
  if (!peeking.value || !scene.value?.after) return side;
  return side === "after" || side === null ? "before" : "after";
});

/** Between two panes side by side, in CSS pixels. */
const GAP = 2;

export interface Pane extends Rect {
  readonly side: Side | null;
}

/** The panes of the stage, in device pixels; both sides share one in the mode "divider". */
export const panes: ReadonlySignal<Pane[]> = computed(() => {
  const { width, height } = stageSize.value;
  if (mode.value !== "side" || single.value) return [{ x: 0, y: 0, width, height, side: single.value }];
  const gap = Math.round(GAP * ratio.value);
  const each = Math.max(1, Math.floor((width - gap) / 2));
  return [
    { x: 0, y: 0, width: each, height, side: "before" },
    { x: each + gap, y: 0, width: each, height, side: "after" },
  ];
});

/**
 * CSS pixels at the edges that bars lie over, on stages that have room for them. tools: whether those of masks or
 * places are there, under which nothing can be painted.
 */
function insets(width: number, height: number, tools: boolean): { x: number; y: number } {
  const narrow = width < 620; // as in bars.css: the tools take two lines
  const short = tools && narrow ? Math.min(104, Math.round(height / 4)) : 0;
  return { x: narrow ? 0 : 16, y: height < 480 ? short : narrow ? 104 : 60 };
}

/** The size that a view is for: all panes have it. */
export const pane: ReadonlySignal<Room> = computed(() => {
  const { width = 1, height = 1 } = panes.value[0] ?? {};
  const css = ratio.value;
  const { x, y } = insets(stageSize.value.width / css, height / css, masking.value || placing.value);
  return { width, height, insetX: x * css, insetY: y * css };
});

/** Whether the mask lies over what is shown: over the picture itself, not over its result. */
export const maskSeen: ReadonlySignal<boolean> = computed(
  () => maskShown.value && masking.value && (painting.value || single.value !== "after"),
);
