// One thing at a time, of which only the latest counts: previews and checks while someone turns a knob.

export interface Latest<T> {
  /** Ask for it after a pause; what was asked before and is not yet done is dropped. */
  ask(request: T): void;
  /** Ask for it at once. */
  now(request: T): void;
  /** Drop what is waiting and what is running. */
  drop(): void;
}

/**
 * Run a task for the latest request only. A run gets a signal that ends it as soon as there is a newer
 * request; what it gives after that is not reported.
 */
export function latest<T, R>(
  run: (request: T, signal: AbortSignal) => Promise<R>,
  report: (result: R, request: T) => void,
  failed: (error: unknown, request: T) => void,
  pause: number,
): Latest<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | undefined;

  function drop(): void {
    clearTimeout(timer);
    timer = undefined;
    running?.abort();
    running = undefined;
  }

  function now(request: T): void {
    drop();
    const mine = new AbortController();
    running = mine;
    run(request, mine.signal).then(
      (result) => {
        if (mine.signal.aborted) return;
        running = undefined;
        report(result, request);
      },
      (error: unknown) => {
        if (mine.signal.aborted) return;
        running = undefined;
        failed(error, request);
      },
    );
  }

  function ask(request: T): void {
    clearTimeout(timer);
    running?.abort();
    running = undefined;
    timer = setTimeout(() => now(request), pause);
  }

  return { ask, now, drop };
}
