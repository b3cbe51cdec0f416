/** Mouse, pen and fingers on the stage. */

import type { Engine } from "./engine";
import { distance, middle, type Point } from "./geometry";
import type { Sample } from "./sample_points";
import { activeTool, bubble, crosshair, pointer, ratio } from "./state";
import { toolContext } from "./tool_context";
import { begin, type Drawing } from "./tools";
import { inPane, panBy, pictureAt, pinch, toggleFit, zoomBy } from "./views";
import { WheelReader } from "./wheel";

interface Down {
  readonly type: string;
  readonly began: number;
  at: Point;
}

const SLIP = 250; // milliseconds: a second finger that comes sooner was meant to pan
const DOUBLE = 300;

export class Pointers {
  private readonly down = new Map<number, Down>();
  private readonly wheel = new WheelReader();
  private readonly control = new AbortController();
  private drawing: Drawing | null = null;
  private drawn = -1; // the pointer that draws
  private penSeen = false;
  private lastEnd: Point | null = null; // of a brush, for straight lines
  private tapped = { time: -Infinity, at: { x: 0, y: 0 } as Point };
  /** Space is held: dragging pans. */
  spaced = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly engine: Engine,
    private readonly cursor: () => void,
  ) {
    const { signal } = this.control;
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      run: (e: HTMLElementEventMap[K]) => void,
    ): void => element.addEventListener(name, run, { signal, passive: false });
    on("pointerdown", (e) => this.press(e));
    on("pointermove", (e) => this.move(e));
    on("pointerup", (e) => this.release(e, true));
    on("pointercancel", (e) => this.release(e, false));
    on("pointerleave", (e) => {
      if (e.pointerType !== "touch" && !this.down.size) pointer.value = null;
    });
    on("wheel", (e) => this.turn(e));
    on("contextmenu", (e) => e.preventDefault());
    on("auxclick", (e) => e.preventDefault());
  }

  close(): void {
    this.control.abort();
  }

  /** Whether something is being dragged or drawn. */
  get busy(): boolean {
    return this.down.size > 0;
  }

  /** Give up the stroke being drawn; whether there was one. */
  cancel(): boolean {
    if (!this.drawing) return false;
    this.drawing.cancel();
    this.stop();
    return true;
  }

  private at(e: PointerEvent | WheelEvent): Point {
    const box = this.element.getBoundingClientRect();
    return { x: (e.clientX - box.left) * ratio.peek(), y: (e.clientY - box.top) * ratio.peek() };
  }

  private sample(e: PointerEvent): Sample {
    return { ...pictureAt(this.at(e)), pressure: e.pointerType === "pen" ? e.pressure : 0.5 };
  }

  private press(e: PointerEvent): void {
    if (e.target instanceof Element && e.target.closest("[data-own]")) return;
    if (e.pointerType === "mouse" && e.button > 1) return;
    e.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(e.pointerId);
    const at = this.at(e);
    this.down.set(e.pointerId, { type: e.pointerType, began: e.timeStamp, at });
    if (e.pointerType === "pen") this.penSeen = true;
    pointer.value = e.pointerType === "touch" ? null : at;
    crosshair.value = null;
    bubble.value = null;
    if (this.doubled(e, at)) return;
    if (this.down.size > 1) this.secondFinger(e);
    else if (this.draws(e)) this.start(e);
    this.cursor();
  }

  /** Whether a pointer draws: not the middle button, not with space, not a finger beside a pen. */
  private draws(e: PointerEvent): boolean {
    if (activeTool.peek() === "pan" || this.spaced || e.button === 1) return false;
    return !(e.pointerType === "touch" && this.penSeen);
  }

  private start(e: PointerEvent): void {
    const tool = activeTool.peek();
    // The far end of a pen, and Alt, take away.
    const context = toolContext(this.engine, e.altKey || (e.buttons & 32) !== 0, e.pointerType === "pen");
    if (!context) return;
    this.drawing = begin(tool, context, this.sample(e), e.shiftKey ? this.lastEnd : null);
    this.drawn = e.pointerId;
    this.engine.drawing = true;
  }

  private stop(): void {
    this.drawing = null;
    this.drawn = -1;
    this.engine.drawing = false;
    this.engine.schedule();
  }

  /** A second finger pans and zooms; what the first had begun counts only if it was meant. */
  private secondFinger(e: PointerEvent): void {
    if (!this.drawing) return;
    const first = this.down.get(this.drawn);
    if (first && e.timeStamp - first.began > SLIP) this.drawing.end();
    else this.drawing.cancel();
    this.stop();
  }

  /** Two taps or clicks: to single pixels there, and back. */
  private doubled(e: PointerEvent, at: Point): boolean {
    const again = e.timeStamp - this.tapped.time < DOUBLE && distance(at, this.tapped.at) < 24 * ratio.peek();
    this.tapped = { time: again ? -Infinity : e.timeStamp, at };
    if (!again || activeTool.peek() !== "pan" || this.down.size > 1) return false;
    toggleFit(inPane(at));
    return true;
  }

  private move(e: PointerEvent): void {
    const at = this.at(e);
    if (e.pointerType !== "touch") pointer.value = at;
    const down = this.down.get(e.pointerId);
    if (!down) {
      if (e.pointerType === "mouse" && (e.movementX || e.movementY)) crosshair.value = null;
      return;
    }
    if (this.drawing) {
      if (e.pointerId === this.drawn) this.drawing.move(this.samples(e));
    } else if (this.down.size === 1) panBy(at.x - down.at.x, at.y - down.at.y);
    else if (this.down.size === 2) this.pinched(e.pointerId, at);
    down.at = at;
  }

  private samples(e: PointerEvent): Sample[] {
    const events = e.getCoalescedEvents?.() ?? [];
    return (events.length ? events : [e]).map((each) => this.sample(each));
  }

  private pinched(id: number, at: Point): void {
    const [a, b] = [...this.down.entries()];
    if (!a || !b) return;
    const still = (a[0] === id ? b : a)[1].at;
    const was = (a[0] === id ? a : b)[1].at;
    const far = distance(still, was);
    pinch(inPane(middle(still, was)), inPane(middle(still, at)), far > 8 ? distance(still, at) / far : 1);
  }

  private release(e: PointerEvent, meant: boolean): void {
    if (!this.down.delete(e.pointerId)) return;
    if (this.drawing && e.pointerId === this.drawn) {
      if (meant) {
        this.lastEnd = pictureAt(this.at(e));
        this.drawing.end();
      } else this.drawing.cancel();
      this.stop();
    }
    this.cursor();
  }

  private turn(e: WheelEvent): void {
    if (e.target instanceof Element && e.target.closest("[data-own]")) return;
    e.preventDefault();
    const turn = this.wheel.read(e);
    if (turn.kind === "zoom") zoomBy(turn.factor, inPane(this.at(e)));
    else panBy(turn.dx * ratio.peek(), turn.dy * ratio.peek());
  }
}
