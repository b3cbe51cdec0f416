/** Sizes of the brush: even steps of the slider and of keys are even ratios of sizes. */

import { clamp } from "./geometry";

export const LEAST = 0.5;
export const MOST = 2000;
const STEPS = 200;

export const sliderOf = (radius: number): number =>
  Math.round((STEPS * Math.log(radius / LEAST)) / Math.log(MOST / LEAST));

export const radiusOf = (slider: number): number => even(LEAST * (MOST / LEAST) ** (slider / STEPS));

/** Half pixels below 10, whole ones above. */
const even = (radius: number): number =>
  clamp(radius < 10 ? Math.round(radius * 2) / 2 : Math.round(radius), LEAST, MOST);

/** The next size up or down, by about a seventh, at least half a pixel. */
export function stepped(radius: number, up: boolean): number {
  const next = even(up ? radius * 1.15 : radius / 1.15);
  if (next !== radius) return next;
  return even(radius + (radius < 10 ? 0.5 : 1) * (up ? 1 : -1));
}

export { STEPS as SLIDER_STEPS };
