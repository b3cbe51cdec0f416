/** What a turn of a wheel means: zooming for a mouse, panning for a trackpad, pinching for both. */

export interface Turn {
  readonly deltaX: number;
  readonly deltaY: number;
  readonly deltaMode: number;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly timeStamp: number;
}

export type Wheel = { kind: "zoom"; factor: number } | { kind: "pan"; dx: number; dy: number };

const LINE = 16;
const NOTCH = 50; // CSS pixels: a mouse turns by more at once, and by the same each time
const PAUSE = 250; // milliseconds after which a new gesture begins

/** Tells mice from trackpads by their steps; a gesture stays what it began as. */
export class WheelReader {
  private last = -Infinity;
  private trackpad = false;

  read(turn: Turn): Wheel {
    const unit = turn.deltaMode === 1 ? LINE : turn.deltaMode === 2 ? 10 * LINE : 1;
    const [dx, dy] = [turn.deltaX * unit, turn.deltaY * unit];
    // Browsers tell a pinch as a turn with Ctrl.
    if (turn.ctrlKey) return { kind: "zoom", factor: Math.exp(-Math.max(-60, Math.min(60, dy)) / 100) };
    if (turn.timeStamp - this.last > PAUSE)
      this.trackpad =
        turn.deltaMode === 0 && (dx !== 0 || Math.abs(dy) < NOTCH || !Number.isInteger(dy)) && !turn.shiftKey;
    this.last = turn.timeStamp;
    if (this.trackpad) return { kind: "pan", dx: -dx, dy: -dy };
    if (turn.shiftKey) return { kind: "pan", dx: -(dx || dy), dy: 0 };
    return { kind: "zoom", factor: Math.exp(-Math.max(-240, Math.min(240, dy)) / 400) };
  }
}
