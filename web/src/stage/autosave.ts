/** Keeping a value on the server: a little after it last changed, one request at a time. */

export interface Autosave {
  /** The value changed. */
  touch(): void;
  /** Send now; `leaving` while the page goes away. */
  flush(leaving?: boolean): Promise<void>;
  /** Whether something is not kept yet. */
  readonly waiting: boolean;
}

const RETRY = 2000;

/**
 * send: sends the newest value; rejects if it was not kept, then it is tried again.
 * state: told of what waits and of errors.
 */
export function autosave(
  send: (leaving: boolean) => Promise<unknown>,
  state: (waiting: boolean, error: unknown) => void,
  pause = 400,
): Autosave {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let [changes, sent] = [0, 0];
  let running: Promise<void> | null = null;

  const later = (delay: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), delay);
  };
  const run = async (leaving: boolean): Promise<void> => {
    const number = changes;
    try {
      await send(leaving);
      sent = number;
      state(changes !== sent, null);
      if (changes !== sent) later(pause);
    } catch (error) {
      state(true, error);
      later(RETRY);
    } finally {
      running = null;
    }
  };
  const flush = async (leaving = false): Promise<void> => {
    clearTimeout(timer);
    // A page that goes away cannot wait for the request before.
    if (running && !leaving) await running;
    if (changes === sent) return;
    running = run(leaving);
    await running;
  };
  return {
    touch() {
      changes++;
      state(true, null);
      later(pause);
    },
    flush,
    get waiting() {
      return changes !== sent;
    },
  };
}
