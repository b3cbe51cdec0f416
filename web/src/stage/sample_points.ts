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

export interface Part {
  readonly radius: number;
  readonly points: number[];
}

/** A brush stroke as it grows: parts of one radius each, that meet. */
export class Trail {
  readonly parts: Part[] = [];

  constructor(
    private readonly radius: number,
    private readonly pressed: boolean,
    private readonly nearest: number,
  ) {}

  /** Take points; gives the lines to draw for them, one for each radius. */
  add(samples: readonly Sample[]): Part[] {
    const lines: Part[] = [];
    for (const { x, y, pressure } of samples) {
      const radius = radiusFor(this.radius, this.pressed ? pressure : null);
      const part = this.parts.at(-1);
      if (!part) {
        this.parts.push({ radius, points: [x, y] });
        lines.push({ radius, points: [x, y] });
        continue;
      }
      const [px, py] = part.points.slice(-2) as [number, number];
      if (Math.hypot(x - px, y - py) < this.nearest) continue;
      if (radius === part.radius) part.points.push(x, y);
      else this.parts.push({ radius, points: [px, py, x, y] });
      const line = lines.at(-1);
      if (line?.radius === radius) line.points.push(x, y);
      else lines.push({ radius, points: [px, py, x, y] });
    }
    return lines;
  }
}
