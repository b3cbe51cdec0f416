/**
 * The mask over the picture, on three canvases of the size of the pane.
 *
 * `fill` holds what is painted, opaque in one colour: the page makes it translucent by the opacity of the element,
 * so that strokes can cross without getting darker and a new segment costs what it covers, no more. `line` holds
 * the outline, `fringe` what growing and feathering add. Strokes are drawn again from their vectors only when
 * the view has changed or one was taken back.
 */

import type { Stroke } from "../api/types";
import { dilated, Scratch } from "./dilation";
import { around, intersection, outward, type Point, type Rect, type Size, widened } from "./geometry";
import { drawRegion, type RegionImages } from "./region_images";
import { extent, isDot, pathOf, type Regions } from "./stroke";
import { origin, SQUARES, same, seen, type View } from "./view";

export interface Look {
  readonly colour: string;
  readonly grow: number;
  readonly feather: number;
}

export interface Canvases {
  readonly fringe: HTMLCanvasElement;
  readonly fill: HTMLCanvasElement;
  readonly line: HTMLCanvasElement;
}

interface Frame {
  readonly view: View;
  readonly pane: Size;
  readonly picture: Size;
}

const RAMP = 5; // steps that a feather is shown in

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("no 2D canvas");
  return ctx;
}

export class MaskLayer {
  private readonly fringe: CanvasRenderingContext2D;
  private readonly fill: CanvasRenderingContext2D;
  private readonly line: CanvasRenderingContext2D;
  private readonly scratch: [Scratch, Scratch, Scratch] = [new Scratch(), new Scratch(), new Scratch()];
  private readonly ring = new Scratch();
  private frame: Frame | null = null;
  private strokes: readonly Stroke[] = [];
  private look: Look = { colour: "#ff3b30", grow: 0, feather: 0 };
  private regions: Regions = new Map();
  private width = 1;
  private edges: Rect | null = null; // of which the outline is not drawn yet
  /** Milliseconds that drawing all strokes took the last time. */
  cost = 0;
  /** Whether the fringe is behind the strokes. */
  stale = false;

  constructor(
    readonly canvases: Canvases,
    private readonly images: RegionImages,
  ) {
    this.fringe = context(canvases.fringe);
    this.fill = context(canvases.fill);
    this.line = context(canvases.line);
  }

  /** Whether the layer was drawn for a view. */
  isAt(view: View, pane: Size): boolean {
    const f = this.frame;
    return f !== null && same(f.view, view) && f.pane.width === pane.width && f.pane.height === pane.height;
  }

  /** The transform that lays what was drawn for another view over the present one, for CSS; `ratio` device pixels. */
  shift(view: View, pane: Size, ratio: number): string {
    if (!this.frame || this.isAt(view, pane)) return "none";
    const by = view.scale / this.frame.view.scale;
    const from = origin(this.frame.view, this.frame.pane);
    const to = origin(view, pane);
    return `matrix(${by}, 0, 0, ${by}, ${(to.x - from.x * by) / ratio}, ${(to.y - from.y * by) / ratio})`;
  }

  /** Draw all strokes for a view. */
  render(frame: Frame, strokes: readonly Stroke[], regions: Regions, look: Look, ratio: number): void {
    const began = performance.now();
    const { width, height } = frame.pane;
    for (const canvas of Object.values(this.canvases))
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    Object.assign(this, { frame, strokes, regions, look });
    this.width = Math.max(1, Math.round(ratio));
    this.fill.setTransform(1, 0, 0, 1, 0, 0);
    this.fill.clearRect(0, 0, width, height);
    const part = seen(frame.view, frame.pane);
    for (const stroke of strokes) {
      const box = extent(stroke, regions);
      if (box && intersection(widened(box, 1), part)) this.paint(stroke);
    }
    this.tintRegions(strokes);
    this.edges = null;
    this.outline({ x: 0, y: 0, width, height });
    this.stale = true;
    this.cost = performance.now() - began;
  }

  /** Draw the strokes that were added since; false if others changed, so that all must be drawn. */
  append(strokes: readonly Stroke[]): boolean {
    const before = this.strokes;
    if (strokes === before) return true;
    if (strokes.length < before.length || before.some((s, i) => s !== strokes[i])) return false;
    const added = strokes.slice(before.length);
    if (added.some((s) => s.kind === "region" && !this.regions.has(s.region))) return false;
    for (const stroke of added) {
      this.paint(stroke);
      this.touched(stroke);
    }
    this.strokes = strokes;
    this.tintRegions(added);
    this.stale = true;
    return true;
  }

  /** The strokes are those that were drawn by segments. */
  adopt(strokes: readonly Stroke[]): void {
    this.strokes = strokes;
    this.stale = true;
  }

  /** Draw a part of a brush stroke: a line through points, in the picture's pixels. */
  segment(points: readonly number[], radius: number, erase: boolean): void {
    const stroke: Stroke = { kind: "brush", erase, radius, points: [...points] };
    this.paint(stroke);
    if (!erase && (this.look.grow || this.look.feather)) this.widen(stroke);
    this.touched(stroke);
  }

  /** Draw the outline where strokes were added; once a frame. */
  finish(): void {
    if (!this.edges || !this.frame) return;
    const part = intersection(this.edges, { x: 0, y: 0, ...this.frame.pane });
    this.edges = null;
    if (part) this.outline(part);
  }

  /** Draw what growing and feathering add. */
  drawFringe(): void {
    const { frame, look } = this;
    if (!frame) return;
    this.stale = false;
    const { width, height } = frame.pane;
    const [a, b, sum] = this.scratch;
    this.fringe.setTransform(1, 0, 0, 1, 0, 0);
    this.fringe.clearRect(0, 0, width, height);
    const [grow, feather] = [look.grow * frame.view.scale, look.feather * frame.view.scale];
    if (!grow && !feather) return;
    const grown = dilated(this.canvases.fill, grow, [a, b]);
    const ctx = sum.fresh(width, height);
    const rings = feather ? RAMP : 1;
    // Equal parts of nested shapes add up to a slope.
    ctx.globalCompositeOperation = "lighter";
    ctx.globalAlpha = 1 / rings;
    ctx.drawImage(grown, 0, 0);
    let ring = grown;
    for (let i = 1; i < rings; i++) {
      const pair: [Scratch, Scratch] = ring === a.image ? [b, a] : [a, b];
      ring = dilated(ring, feather / rings, pair);
      ctx.drawImage(ring, 0, 0);
    }
    ctx.globalAlpha = 1;
    ctx.globalCompositeOperation = "destination-out";
    ctx.drawImage(this.canvases.fill, 0, 0);
    this.clipped(this.fringe, () => this.fringe.drawImage(sum.image, 0, 0));
  }

  private clipped(ctx: CanvasRenderingContext2D, draw: () => void): void {
    const { frame } = this;
    if (!frame) return;
    const o = origin(frame.view, frame.pane);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.beginPath();
    ctx.rect(o.x, o.y, frame.picture.width * frame.view.scale, frame.picture.height * frame.view.scale);
    ctx.clip();
    draw();
    ctx.restore();
  }

  private paint(stroke: Stroke): void {
    const { frame, fill: ctx } = this;
    if (!frame) return;
    const { scale } = frame.view;
    const o = origin(frame.view, frame.pane);
    this.clipped(ctx, () => {
      ctx.setTransform(scale, 0, 0, scale, o.x, o.y);
      ctx.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
      ctx.fillStyle = ctx.strokeStyle = this.look.colour;
      if (stroke.kind === "region") {
        ctx.imageSmoothingEnabled = scale < SQUARES;
        drawRegion(ctx, this.regions.get(stroke.region), this.images(stroke.region, scale));
      } else if (stroke.kind === "brush" && !isDot(stroke)) this.trace(ctx, stroke, stroke.radius);
      else ctx.fill(pathOf(stroke));
    });
  }

  private trace(
    ctx: CanvasRenderingContext2D,
    stroke: Extract<Stroke, { kind: "brush" }>,
    radius: number,
  ): void {
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.lineWidth = 2 * radius;
    ctx.stroke(pathOf(stroke));
  }

  /** The fringe of a segment while it is drawn; growing is widening there. */
  private widen(stroke: Extract<Stroke, { kind: "brush" }>): void {
    const { frame, fringe: ctx } = this;
    if (!frame) return;
    const { scale } = frame.view;
    const o = origin(frame.view, frame.pane);
    const radius = stroke.radius + this.look.grow + this.look.feather / 2;
    this.clipped(ctx, () => {
      ctx.setTransform(scale, 0, 0, scale, o.x, o.y);
      ctx.fillStyle = ctx.strokeStyle = this.look.colour;
      if (!isDot(stroke)) this.trace(ctx, stroke, radius);
      else ctx.fill(pathOf({ ...stroke, radius }));
      const part = this.screenPart(stroke, radius - stroke.radius);
      if (!part) return;
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.globalCompositeOperation = "destination-out";
      copy(ctx, this.canvases.fill, part, 0, 0);
    });
  }

  private screenPart(stroke: Stroke, more = 0): Rect | null {
    const { frame } = this;
    const box = extent(stroke, this.regions);
    if (!frame || !box) return null;
    const o = origin(frame.view, frame.pane);
    const { scale } = frame.view;
    const wide = widened(box, more);
    const rect = {
      x: o.x + wide.x * scale,
      y: o.y + wide.y * scale,
      width: wide.width * scale,
      height: wide.height * scale,
    };
    return intersection(outward(widened(rect, 3 * this.width + 1)), { x: 0, y: 0, ...frame.pane });
  }

  private touched(stroke: Stroke): void {
    const part = this.screenPart(stroke);
    if (!part) return;
    const e = this.edges;
    const corners = (r: Rect): number[] => [r.x, r.y, r.x + r.width, r.y + r.height];
    this.edges = e ? around([...corners(e), ...corners(part)]) : part;
  }

  /** Regions come as white pictures: give all that is painted the one colour. */
  private tintRegions(strokes: readonly Stroke[]): void {
    if (!this.frame || !strokes.some((s) => s.kind === "region" && !s.erase)) return;
    const ctx = this.fill;
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalCompositeOperation = "source-in";
    ctx.fillStyle = this.look.colour;
    ctx.fillRect(0, 0, this.frame.pane.width, this.frame.pane.height);
    ctx.restore();
  }

  /** A light line around what is painted and a dark one around that, so that it is seen on any picture. */
  private outline(part: Rect): void {
    const { line, ring, width: w } = this;
    line.setTransform(1, 0, 0, 1, 0, 0);
    line.clearRect(part.x, part.y, part.width, part.height);
    for (const [far, colour] of [
      [2 * w, "rgb(0 0 0 / 0.55)"],
      [w, "#ffffff"],
    ] as const) {
      const ctx = ring.corner(part.width, part.height);
      for (const [dx, dy] of AROUND)
        copy(ctx, this.canvases.fill, part, Math.round(dx * far), Math.round(dy * far), true);
      ctx.globalCompositeOperation = "source-in";
      ctx.fillStyle = colour;
      ctx.fillRect(0, 0, part.width, part.height);
      line.globalCompositeOperation = "destination-out";
      copyFrom(line, ring.image, part);
      line.globalCompositeOperation = "source-over";
      copyFrom(line, ring.image, part);
    }
    line.globalCompositeOperation = "destination-out";
    copy(line, this.canvases.fill, part, 0, 0);
    line.globalCompositeOperation = "source-over";
  }
}

const AROUND: readonly Point2[] = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [0.7, 0.7],
  [-0.7, 0.7],
  [0.7, -0.7],
  [-0.7, -0.7],
];
type Point2 = readonly [number, number];

/** Draw the part of an image that lies `dx`, `dy` beside a part; at its corner if `corner`, else where it was. */
function copy(
  ctx: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  image: HTMLCanvasElement,
  part: Rect,
  dx: number,
  dy: number,
  corner = false,
): void {
  const to: Point = corner ? { x: 0, y: 0 } : part;
  ctx.drawImage(
    image,
    part.x + dx,
    part.y + dy,
    part.width,
    part.height,
    to.x,
    to.y,
    part.width,
    part.height,
  );
}

function copyFrom(ctx: CanvasRenderingContext2D, image: OffscreenCanvas, part: Rect): void {
  ctx.drawImage(image, 0, 0, part.width, part.height, part.x, part.y, part.width, part.height);
}
