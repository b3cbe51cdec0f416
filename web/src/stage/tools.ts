/** What the tools make of points: brush, eraser, lasso, box, magic select. The same for pointers and keyboard. */

import { api } from "../api/client";
import type { Region, Stroke } from "../api/types";
import { wordsOf } from "../store/actions";
import type { Tool } from "../store/stage";
import { text } from "../text/en";
import { around, between, clamp, distance, type Point, type Size } from "./geometry";
import { placing } from "./marks";
import { type Sample, Trail } from "./sample_points";
import { bubble, draft, selecting } from "./state";
import { settled } from "./stroke";

/** What tools work on. */
export interface ToolContext {
  readonly picture: Size & { id: string; name: string };
  /** Pixels of the screen for each of the picture. */
  readonly scale: number;
  readonly radius: number;
  readonly erase: boolean;
  readonly pressed: boolean;
  /** Draw a part of a brush stroke now. */
  segment(points: readonly number[], radius: number, erase: boolean): void;
  /** Keep strokes; `drawn` where they were drawn by segments. */
  add(strokes: Stroke[], drawn: boolean): void;
  /** Keep the object that was found at a point. */
  addRegion(region: Region, erase: boolean, at: Point): void;
  /** Draw all strokes again. */
  redraw(): void;
}

/** Something being drawn, from press to release. */
export interface Drawing {
  move(samples: readonly Sample[]): void;
  end(): void;
  cancel(): void;
}

const SMALLEST = 3; // pixels of the screen: less is a click that slipped
const REACH = 10;

function brush(context: ToolContext, at: Sample, from: Point | null): Drawing {
  const trail = new Trail(context.radius, context.pressed, 0.4 / context.scale);
  const take = (samples: readonly Sample[]): void => {
    for (const line of trail.add(samples)) context.segment(line.points, line.radius, context.erase);
  };
  take(from ? [{ ...from, pressure: at.pressure }, at] : [at]);
  return {
    move: take,
    end() {
      const { erase, scale } = context;
      context.add(
        trail.parts.map((part) => settled({ kind: "brush", erase, ...part }, scale)),
        true,
      );
    },
    cancel: () => context.redraw(),
  };
}

function lasso(context: ToolContext, at: Sample): Drawing {
  const points = [at.x, at.y];
  const nearest = 1 / context.scale;
  return {
    move(samples) {
      for (const { x, y } of samples) {
        const [px, py] = points.slice(-2) as [number, number];
        if (Math.hypot(x - px, y - py) >= nearest) points.push(x, y);
      }
      draft.value = { kind: "lasso", points };
    },
    end() {
      draft.value = null;
      closeLasso(context, points);
    },
    cancel() {
      draft.value = null;
    },
  };
}

/** Keep a polygon, unless it encloses next to nothing. */
export function closeLasso(context: ToolContext, points: readonly number[]): void {
  const part = around(points);
  if (points.length < 6 || !part || Math.max(part.width, part.height) * context.scale < SMALLEST) return;
  context.add([settled({ kind: "lasso", erase: context.erase, points: [...points] }, context.scale)], false);
}

function box(context: ToolContext, at: Sample): Drawing {
  let corner: Point = at;
  return {
    move(samples) {
      corner = samples.at(-1) ?? corner;
      draft.value = { kind: "box", rect: boxOf(context.picture, at, corner) };
    },
    end() {
      draft.value = null;
      closeBox(context, at, corner);
    },
    cancel() {
      draft.value = null;
    },
  };
}

/** The whole pixels between two corners, within the picture. */
export function boxOf(
  picture: Size,
  a: Point,
  b: Point,
): { x: number; y: number; width: number; height: number } {
  const within = (p: Point): Point => ({
    x: clamp(Math.round(p.x), 0, picture.width),
    y: clamp(Math.round(p.y), 0, picture.height),
  });
  return between(within(a), within(b));
}

export function closeBox(context: ToolContext, a: Point, b: Point, least = SMALLEST): void {
  const rect = boxOf(context.picture, a, b);
  if (rect.width < 1 || rect.height < 1 || distance(a, b) * context.scale < least) return;
  context.add([{ kind: "box", erase: context.erase, ...rect }], false);
}

/** Magic select: a click selects the object there; a drag says how far it reaches. */
function magic(context: ToolContext, at: Sample): Drawing {
  let radius = 0;
  return {
    move(samples) {
      const to = samples.at(-1);
      if (!to) return;
      const far = distance(at, to);
      radius = far * context.scale > REACH ? Math.round(far) : 0;
      draft.value = radius ? { kind: "circle", at, radius } : null;
    },
    end() {
      draft.value = null;
      void select(context, at, radius || undefined);
    },
    cancel() {
      draft.value = null;
    },
  };
}

let asked: AbortController | null = null;

/** Forget what was asked and said about a point. */
export function forgetPoint(): void {
  asked?.abort();
  asked = null;
  selecting.value = null;
  bubble.value = null;
}

/** The server's words about a point, without the picture, the point and the command line's way out. */
export function pointWords(words: string, name: string, way: string = text.stage.aroundIt): string {
  const plain = words.startsWith(`${name}: `) ? words.slice(name.length + 2) : words;
  const about = /^--at \S+: (.*?)(?:; pass --box .*)?$/.exec(plain)?.[1];
  if (about === undefined) return plain;
  return `${about.charAt(0).toUpperCase()}${about.slice(1)}. ${way}`;
}

/** Ask the server for the object at a point; what it refuses is told there. */
export async function select(context: ToolContext, at: Point, radius?: number): Promise<void> {
  const { picture, erase } = context;
  const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
  bubble.value = null;
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return;
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  selecting.value = at;
  try {
    const region = await api.select(picture.id, x, y, radius, mine.signal);
    if (!mine.signal.aborted) context.addRegion(region, erase, { x, y });
  } catch (error) {
    const way = placing.peek() ? text.stage.boxIt : text.stage.aroundIt;
    if (!mine.signal.aborted) bubble.value = { at, words: pointWords(wordsOf(error), picture.name, way) };
  }
  if (asked === mine) {
    asked = null;
    selecting.value = null;
  }
}

/** Begin to draw with a tool; `from` continues a line from where the last one ended. */
export function begin(tool: Tool, context: ToolContext, at: Sample, from: Point | null): Drawing | null {
  switch (tool) {
    case "brush":
    case "eraser":
      return brush(context, at, from);
    case "lasso":
      return lasso(context, at);
    case "box":
      return box(context, at);
    case "magic":
      return magic(context, at);
    case "pan":
      return null;
  }
}
