// What fields and sliders of numbers do with keys and limits.

export interface Range {
  minimum: number | null;
  maximum: number | null;
}

export function clamped(value: number, { minimum, maximum }: Range): number {
  const high = maximum === null ? value : Math.min(value, maximum);
  return minimum === null ? high : Math.max(high, minimum);
}

/** The step of a number's arrow keys: 1 for whole numbers, else about a hundredth of its range. */
export function stepOf(range: Range, whole: boolean): number {
  if (whole) return 1;
  if (range.minimum === null || range.maximum === null) return 0.1;
  const span = range.maximum - range.minimum;
  return span <= 2 ? 0.05 : span <= 20 ? 0.1 : 1;
}

/** The number after a step, without the dust of binary fractions. */
export function stepped(value: number, step: number, range: Range): number {
  const digits = Math.max(0, Math.ceil(-Math.log10(Math.abs(step)))) + 1;
  return clamped(Number((value + step).toFixed(digits)), range);
}

export function shownNumber(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}
