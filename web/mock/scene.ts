import type { Raster } from "./raster.ts";

/** A number from 0 to 1 for a place: the same each time. */
function hash(x: number, y: number): number {
  let n = Math.imul(x | 0, 374761393) + Math.imul(y | 0, 668265263);
  n = Math.imul(n ^ (n >>> 13), 1274126177);
  return ((n ^ (n >>> 16)) >>> 0) / 4294967296;
}

function smooth(x: number, y: number): number {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - i, y - j];
  const [s, t] = [u * u * (3 - 2 * u), v * v * (3 - 2 * v)];
  const top = hash(i, j) * (1 - s) + hash(i + 1, j) * s;
  return top * (1 - t) + (hash(i, j + 1) * (1 - s) + hash(i + 1, j + 1) * s) * t;
}

const ridges = (x: number, seed: number) =>
  smooth(x * 3 + seed, seed) * 0.6 + smooth(x * 9 + seed, seed + 5) * 0.28 + smooth(x * 30, seed + 9) * 0.12;

/** Hills in haze under an evening sky, with noise and a scratch where they are wanted. */
export function scene(width: number, height: number, noise: number, scratch: boolean): Raster {
  const data = new Uint8Array(width * height * 3);
  const layers = 6;
  const tops = Array.from({ length: layers }, (_, layer) =>
    Float32Array.from({ length: width }, (_, x) => {
      const base = 0.42 + (0.5 * layer) / layers;
      return base - 0.2 * (ridges((x / width) * (1 + layer * 0.25), layer * 17 + 3) - 0.35);
    }),
  );
  for (let y = 0; y < height; y++) {
    const v = y / height;
    for (let x = 0; x < width; x++) {
      const u = x / width;
      let layer = -1;
      for (let k = 0; k < layers; k++) if (v > (tops[k]?.[x] ?? 1)) layer = k;
      const sun = Math.exp(-((u - 0.68) ** 2 + (v - 0.34) ** 2) * 14);
      let [r, g, b] = [150 + 85 * v + 70 * sun, 165 + 40 * v + 40 * sun, 190 - 20 * v + 5 * sun];
      if (layer >= 0) {
        const haze = 1 - (layer + 1) / (layers + 0.6);
        const leaf = 10 * smooth(x / 7, y / 9) * (1 - haze);
        r = 34 + haze * 175 + leaf;
        g = 44 + haze * 140 + leaf * 1.3;
        b = 52 + haze * 120 + leaf * 0.5;
      }
      let grain = noise * (hash(x, y) + hash(x + 7919, y) + hash(x, y + 104729) - 1.5);
      const line = Math.abs(u * 0.9 + 0.02 * Math.sin(v * 9) - 0.22 - v * 0.25) * width;
      if (scratch && line < 1.6 + 1.5 * smooth(3, y / 40)) grain += 150;
      const at = (y * width + x) * 3;
      data[at] = Math.max(0, Math.min(255, r + grain));
      data[at + 1] = Math.max(0, Math.min(255, g + grain));
      data[at + 2] = Math.max(0, Math.min(255, b + grain));
    }
  }
  return { width, height, channels: 3, data };
}

/** A mean of 3x3: what the pretended restorations do to pictures that are no scene. */
export function calmed(raster: Raster): Raster {
  const { width, height, channels, data } = raster;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++) {
            const [px, py] = [
              Math.min(width - 1, Math.max(0, x + dx)),
              Math.min(height - 1, Math.max(0, y + dy)),
            ];
            sum += data[(py * width + px) * channels + c] ?? 0;
          }
        out[(y * width + x) * channels + c] = sum / 9;
      }
  return { width, height, channels, data: out };
}

/** An ellipse of white with alpha: what regions and masks look like. */
export function ellipse(width: number, height: number): Raster {
  const data = new Uint8Array(width * height * 2);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1];
      data.set(u * u + v * v <= 1 ? [255, 255] : [0, 0], (y * width + x) * 2);
    }
  return { width, height, channels: 2, data };
}
