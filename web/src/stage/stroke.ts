/** Strokes of a mask: their outlines, their extent, and how they are thinned out before they are kept. */

import type { Region, Stroke } from "../api/types";
import { around, fromLine, type Point, type Rect, widened } from "./geometry";

export type Regions = ReadonlyMap<string, Region>;
export type Brush = Extract<Stroke, { kind: "brush" }>;
export type Lasso = Extract<Stroke, { kind: "lasso" }>;

/** The part of the picture that a stroke can touch; null for a region that is not known yet. */
export function extent(stroke: Stroke, regions: Regions): Rect | null {
  switch (stroke.kind) {
    case "brush": {
      const box = around(stroke.points);
      return box && widened(box, stroke.radius);
    }
    case "lasso":
      return around(stroke.points);
    case "box":
      return stroke;
    case "region":
      return regions.get(stroke.region) ?? null;
  }
}

const at = (points: readonly number[], i: number): Point => ({
  x: points[2 * i] as number,
  y: points[2 * i + 1] as number,
});

/**
 * Leave out points that change a line by less than `tolerance` (Ramer 1972; Douglas and Peucker 1973).
 *
 * Without recursion, as a line can have many thousand points.
 */
export function thinned(points: readonly number[], tolerance: number): number[] {
  const count = points.length >> 1;
  if (count < 3) return points.slice(0, 2 * count);
  const kept = new Uint8Array(count);
  kept[0] = kept[count - 1] = 1;
  const parts: [number, number][] = [[0, count - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    let [far, index] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const d = fromLine(at(points, i), at(points, from), at(points, to));
      if (d > far) [far, index] = [d, i];
    }
    if (index < 0) continue;
    kept[index] = 1;
    parts.push([from, index], [index, to]);
  }
  const out: number[] = [];
  for (let i = 0; i < count; i++) if (kept[i]) out.push(points[2 * i] as number, points[2 * i + 1] as number);
  return out;
}

/** Round coordinates so that they are off by far less than a pixel and short as JSON. */
export const rounded = (points: readonly number[]): number[] => points.map((v) => Math.round(v * 100) / 100);

/** A stroke as it is kept; `scale` is the zoom at which it was drawn. */
export function settled(stroke: Stroke, scale: number): Stroke {
  if (stroke.kind === "brush" || stroke.kind === "lasso")
    return { ...stroke, points: rounded(thinned(stroke.points, Math.min(0.35 / scale, 2))) };
  if (stroke.kind === "box") {
    const [x, y, right, bottom] = rounded([
      stroke.x,
      stroke.y,
      stroke.x + stroke.width,
      stroke.y + stroke.height,
    ]) as [number, number, number, number];
    return {
      ...stroke,
      x,
      y,
      width: Math.round((right - x) * 100) / 100,
      height: Math.round((bottom - y) * 100) / 100,
    };
  }
  return stroke;
}

/** Whether anything may be left of a mask: nothing is, if no stroke adds. */
export const isEmpty = (strokes: readonly Stroke[]): boolean => !strokes.some((s) => !s.erase);

const paths = new WeakMap<Stroke, Path2D>();

/** The path of a brush, lasso or box in the picture's pixels; to be stroked for brushes with more than a point. */
export function pathOf(stroke: Exclude<Stroke, { kind: "region" }>): Path2D {
  const known = paths.get(stroke);
  if (known) return known;
  const path = new Path2D();
  if (stroke.kind === "box") path.rect(stroke.x, stroke.y, stroke.width, stroke.height);
  else if (stroke.kind === "brush" && isDot(stroke))
    path.arc(stroke.points[0] as number, stroke.points[1] as number, stroke.radius, 0, 2 * Math.PI);
  else {
    path.moveTo(stroke.points[0] as number, stroke.points[1] as number);
    for (let i = 2; i + 1 < stroke.points.length; i += 2)
      path.lineTo(stroke.points[i] as number, stroke.points[i + 1] as number);
    if (stroke.kind === "lasso") path.closePath();
  }
  paths.set(stroke, path);
  return path;
}

/** A canvas draws no cap for a line without length, so a dot is a disc. */
export function isDot(stroke: Brush | Lasso): boolean {
  if (stroke.kind !== "brush") return false;
  const [x, y] = stroke.points;
  return stroke.points.every((v, i) => v === (i % 2 ? y : x));
}
