/** Undo and redo of values that are never changed in place. */

export interface History<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
}

const MOST = 500; // steps that can be undone; the values share their parts, so a step costs little

export const begun = <T>(now: T): History<T> => ({ past: [], now, future: [] });

/** The next state; what had been undone cannot be redone any more. */
export const changed = <T>(h: History<T>, now: T): History<T> =>
  now === h.now ? h : { past: [...h.past, h.now].slice(-MOST), now, future: [] };

export function undone<T>(h: History<T>): History<T> {
  const now = h.past.at(-1);
  return now === undefined ? h : { past: h.past.slice(0, -1), now, future: [h.now, ...h.future] };
}

export function redone<T>(h: History<T>): History<T> {
  const [now, ...future] = h.future;
  return now === undefined ? h : { past: [...h.past, h.now], now, future };
}
