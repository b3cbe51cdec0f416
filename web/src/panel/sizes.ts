// How large an enlargement becomes.
import type { Values } from "./values";

export interface Size {
  width: number;
  height: number;
}

export type SizeBy = "scale" | "width" | "height" | "max_side";

export const SIZE_OPTIONS = ["scale", "width", "height", "max_side"] as const;
export const FACTORS = [1.5, 2, 3, 4] as const;

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

/** By what the size is given: the one option that is set. */
export function sizeBy(values: Values): SizeBy {
  return SIZE_OPTIONS.find((name) => values[name] !== undefined) ?? "scale";
}

/** The factor that the options ask for, where they do. */
export function factorOf(picture: Size, values: Values): number | null {
  const scale = numberOf(values.scale);
  if (scale !== null) return scale;
  const width = numberOf(values.width);
  if (width !== null) return width / picture.width;
  const height = numberOf(values.height);
  if (height !== null) return height / picture.height;
  const side = numberOf(values.max_side);
  return side === null ? null : side / Math.max(picture.width, picture.height);
}

/** To the nearest whole number, halves to the even one, as the command line rounds what a factor gives. */
function even(value: number): number {
  const near = Math.round(value);
  return Math.abs(value % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** The size of the result; null where none is asked for, or one that cannot be. */
export function resultSize(picture: Size, values: Values): Size | null {
  const factor = factorOf(picture, values);
  if (factor === null || factor < 1 || factor > 8) return null;
  if (numberOf(values.scale) !== null) {
    return { width: even(picture.width * factor), height: even(picture.height * factor) };
  }
  const side = numberOf(values.max_side);
  const across = picture.width >= picture.height;
  const width = numberOf(values.width) ?? (across ? side : null);
  const height = numberOf(values.height) ?? (across ? null : side);
  return {
    width: width ?? Math.round((picture.width * (height ?? 0)) / picture.height),
    height: height ?? Math.round((picture.height * (width ?? 0)) / picture.width),
  };
}

/** Give the size by another option, with the same size. */
export function givenBy(name: SizeBy, picture: Size, values: Values): number {
  const factor = factorOf(picture, values) ?? 2;
  if (name === "scale") return Math.round(factor * 100) / 100;
  const side = {
    width: picture.width,
    height: picture.height,
    max_side: Math.max(picture.width, picture.height),
  };
  return Math.round(side[name] * factor);
}

export function megapixels(size: Size): number {
  return (size.width * size.height) / 1e6;
}
