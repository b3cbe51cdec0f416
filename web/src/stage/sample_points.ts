/** Points of a brush as they come from a pointer: thinned, and their pressure in steps. */

import type { Point } from "./geometry";

export interface Sample extends Point {
  /** 0 to 1; 0.5 where nothing is known of it. */
  readonly pressure: number;
}

const STEPS = 12; // of pressure, so that a stroke has few parts

/** The radius for a pressure: a quarter at the lightest. */
export function radiusFor(radius: number, pressure: number | null): number {
  if (pressure === null) return radius;
  return radius * (0.25 + 0.75 * (Math.round(pressure * STEPS) / STEPS));
}

/** A brush stroke as it grows: parts of one radius each, that meet. */
export class Trail {
  readonly parts: { radius: number; points: number[] }[] = [];

  constructor(
    private readonly radius: number,
    private readonly pressed: boolean,
    private readonly nearest: number,
  ) {}

  /** Take a point; gives the line to draw for it, or null where it is too near to the one before. */
  add(sample: Sample): { radius: number; points: number[] } | null {
    const radius = radiusFor(this.radius, this.pressed ? sample.pressure : null);
    const part = this.parts.at(-1);
    if (!part) {
      this.parts.push({ radius, points: [sample.x, sample.y] });
      return { radius, points: [sample.x, sample.y] };
    }
    const [x, y] = part.points.slice(-2) as [number, number];
    if (Math.hypot(sample.x - x, sample.y - y) < this.nearest) return null;
    if (radius === part.radius) part.points.push(sample.x, sample.y);
    else this.parts.push({ radius, points: [x, y, sample.x, sample.y] });
    return { radius, points: [x, y, sample.x, sample.y] };
  }
}
