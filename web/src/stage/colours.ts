/** Colours of maps and masks. */

import type { Finish } from "./tile_store";

/**
 * Coefficients of polynomials near the colours of viridis (Smith and van der Walt, 2015), whose lightness rises
 * evenly, so that equal steps of a map look equally large, to the colour-blind, too.
 */
const VIRIDIS: readonly (readonly [number, number, number])[] = [
  [0.2777273272, 0.0054073445, 0.3340998053],
  [0.1050930431, 1.4046135299, 1.3845901628],
  [-0.3308618287, 0.2148475595, 0.095095163],
  [-4.6342304984, -5.7991009734, -19.3324409563],
  [6.2282699363, 14.1799333668, 56.6905526007],
  [4.7763849977, -13.7451453777, -65.3530326334],
  [-5.4354558559, 4.6458526122, 26.3124352496],
];

/** Colour of a value from 0 to 1: red, green, blue, 0 to 255. */
export function ramp(value: number): [number, number, number] {
  const t = Math.min(Math.max(value, 0), 1);
  const channel = (c: 0 | 1 | 2): number => {
    let sum = 0;
    for (const row of [...VIRIDIS].reverse()) sum = sum * t + row[c];
    return Math.round(255 * Math.min(Math.max(sum, 0), 1));
  };
  return [channel(0), channel(1), channel(2)];
}

/** A CSS gradient of the ramp, for legends. */
export function rampGradient(steps = 8): string {
  const stops = Array.from({ length: steps + 1 }, (_, i) => `rgb(${ramp(i / steps).join(" ")})`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Give a gray map the colours of the ramp, in place: red, green, blue and alpha of every pixel. */
export function coloured(pixels: Uint8ClampedArray): void {
  const table = Array.from({ length: 256 }, (_, i) => ramp(i / 255));
  for (let i = 0; i < pixels.length; i += 4) {
    const [r, g, b] = table[pixels[i] as number] as [number, number, number];
    pixels[i] = r;
    pixels[i + 1] = g;
    pixels[i + 2] = b;
  }
}

export const MAP: Finish = {
  name: "ramp",
  async run(bitmap) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const ctx = canvas.getContext("2d", { willReadFrequently: true });
    if (!ctx) return bitmap;
    ctx.drawImage(bitmap, 0, 0);
    bitmap.close();
    const image = ctx.getImageData(0, 0, canvas.width, canvas.height);
    coloured(image.data);
    return createImageBitmap(image);
  },
};

/** Colours that masks can be shown in; the first is the usual one. */
export const MASK_COLOURS = ["#ff3b30", "#2f7bff", "#00b84a", "#ff2fd6", "#ffd400"] as const;
