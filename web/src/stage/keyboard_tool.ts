/** The tools worked by keys alone: a crosshair moved by the arrows, space to paint and to put points. */

import type { Engine } from "./engine";
import { clamp, type Point, type Rect } from "./geometry";
import { activeTool, bubble, crosshair, draft, pane, scene, view } from "./state";
import { toolContext } from "./tool_context";
import { begin, boxOf, closeBox, closeLasso, type Drawing, select, type ToolContext } from "./tools";
import { seen } from "./view";
import { reveal } from "./views";

const STEP = 8; // pixels of the screen for each press of an arrow

export class KeyboardTool {
  private stroke: Drawing | null = null;
  private points: number[] = [];

  constructor(private readonly engine: Engine) {}

  /** Whether arrows move the crosshair: a tool is chosen that has something to do at a point. */
  get moves(): boolean {
    return activeTool.peek() !== "pan";
  }

  /** Move by steps; `far` by ten times as much, and by single pixels where they are large. */
  move(dx: number, dy: number, far: boolean): void {
    const of = scene.peek()?.picture;
    const now = view.peek();
    if (!of || !now) return;
    const at = crosshair.peek() ?? this.start();
    const step = Math.max(1, Math.round(STEP / now.scale)) * (far ? 10 : 1);
    const to = {
      x: clamp(Math.floor(at.x) + 0.5 + dx * step, 0.5, of.width - 0.5),
      y: clamp(Math.floor(at.y) + 0.5 + dy * step, 0.5, of.height - 0.5),
    };
    crosshair.value = to;
    bubble.value = null;
    if (!this.stroke) reveal(to);
    this.stroke?.move([{ ...to, pressure: 0.5 }]);
    this.preview(to);
  }

  /** Space or Enter pressed; whether it meant something here. */
  press(key: " " | "Enter", erase: boolean): boolean {
    const at = crosshair.peek();
    const tool = activeTool.peek();
    if (tool === "pan") return false;
    if (!at) {
      crosshair.value = this.start();
      return key === "Enter";
    }
    if (this.stroke) return true;
    const context = toolContext(this.engine, erase, false);
    if (!context) return false;
    if (tool === "brush" || tool === "eraser") {
      if (key === "Enter") return false;
      this.engine.drawing = true;
      this.stroke = begin(tool, context, { ...at, pressure: 0.5 }, null);
    } else if (tool === "magic") void select(context, at);
    else if (tool === "lasso") this.lasso(context, key, at);
    else this.box(context, at);
    return true;
  }

  /** Space released: a stroke of the brush ends. */
  release(): void {
    this.stroke?.end();
    this.stopped();
  }

  /** Take back the last point; whether there was one. */
  back(): boolean {
    if (!this.points.length) return false;
    this.points = this.points.slice(0, -2);
    const at = crosshair.peek();
    if (at) this.preview(at);
    return true;
  }

  /** Give up what is begun; whether there was something. */
  cancel(): boolean {
    const had = this.stroke !== null || this.points.length > 0 || crosshair.peek() !== null;
    this.stroke?.cancel();
    this.stopped();
    if (!this.points.length && had) crosshair.value = null;
    this.cancelPoints();
    return had;
  }

  /** Drop the points of a lasso or a box that is not closed. */
  cancelPoints(): void {
    this.points = [];
    draft.value = null;
  }

  private stopped(): void {
    if (!this.stroke) return;
    this.stroke = null;
    this.engine.drawing = false;
    this.engine.schedule();
  }

  private lasso(context: ToolContext, key: " " | "Enter", at: Point): void {
    if (key === " ") this.points = [...this.points, at.x, at.y];
    else {
      closeLasso(context, this.points);
      this.points = [];
    }
    this.preview(at);
  }

  /** The first press puts a corner at the outside of a pixel, the second the one across. */
  private box(context: ToolContext, at: Point): void {
    const [x, y] = this.points;
    if (x === undefined || y === undefined) this.points = [at.x, at.y];
    else {
      const rect = spanned({ x, y }, at);
      closeBox(context, rect, { x: rect.x + rect.width, y: rect.y + rect.height }, 0);
      this.points = [];
    }
    this.preview(at);
  }

  private preview(at: Point): void {
    const [x, y] = this.points;
    const of = scene.peek()?.picture;
    if (x === undefined || y === undefined || !of) {
      if (!this.stroke) draft.value = null;
    } else if (activeTool.peek() === "box") {
      const rect = spanned({ x, y }, at);
      draft.value = {
        kind: "box",
        rect: boxOf(of, rect, { x: rect.x + rect.width, y: rect.y + rect.height }),
      };
    } else draft.value = { kind: "lasso", points: [...this.points, at.x, at.y] };
  }

  /** The middle of what is seen of the picture. */
  private start(): Point {
    const of = scene.peek()?.picture ?? { width: 1, height: 1 };
    const now = view.peek();
    const part: Rect = now ? seen(now, pane.peek()) : { x: 0, y: 0, ...of };
    return {
      x: Math.floor(clamp(part.x + part.width / 2, 0, of.width - 1)) + 0.5,
      y: Math.floor(clamp(part.y + part.height / 2, 0, of.height - 1)) + 0.5,
    };
  }
}

/** The pixels that two of them span, both within. */
export function spanned(a: Point, b: Point): Rect {
  const x = Math.floor(Math.min(a.x, b.x));
  const y = Math.floor(Math.min(a.y, b.y));
  return {
    x,
    y,
    width: Math.floor(Math.max(a.x, b.x)) + 1 - x,
    height: Math.floor(Math.max(a.y, b.y)) + 1 - y,
  };
}
