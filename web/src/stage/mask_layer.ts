/**
 * The mask over the picture, on canvases of the size of the pane.
 *
 * `fill` holds what is painted, opaque in one colour, `line` the outline below it and `fringe` what growing and
 * feathering add: the page makes the three translucent together, by the opacity of their parent. So strokes can
 * cross without getting darker, and drawing another segment costs what it covers, no more: nothing is read back
 * from a canvas. Strokes are drawn again from their vectors only when the view has changed or one was taken back.
 */

import type { Stroke } from "../api/types";
import { around, dilated, Scratch } from "./dilation";
import { intersection, type Size, widened } from "./geometry";
import type { RegionImages } from "./region_images";
import { Shapes } from "./shapes";
import { extent, type Regions } from "./stroke";
import { origin, same, seen, type View } from "./view";

export interface Look {
  readonly colour: string;
  readonly grow: number;
  readonly feather: number;
}

export interface Canvases {
  readonly fringe: HTMLCanvasElement;
  readonly line: HTMLCanvasElement;
  readonly fill: HTMLCanvasElement;
}

interface Frame {
  readonly view: View;
  readonly pane: Size;
  readonly picture: Size;
}

const RAMP = 5; // steps that a feather is shown in
const REGION = 100; // points that drawing a region or a box takes the time of
const LIGHT = "#ffffff";
const DARK = "#16181b";

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("no 2D canvas");
  return ctx;
}

export class MaskLayer {
  private readonly fringe: CanvasRenderingContext2D;
  private readonly line: CanvasRenderingContext2D;
  private readonly fill: CanvasRenderingContext2D;
  private readonly shapes = new Shapes();
  private readonly scratch: [Scratch, Scratch, Scratch] = [new Scratch(), new Scratch(), new Scratch()];
  private readonly edge = new Scratch();
  private frame: Frame | null = null;
  private strokes: readonly Stroke[] = [];
  private look: Look = { colour: "#ff3b30", grow: 0, feather: 0 };
  private regions: Regions = new Map();
  private width = 1;
  /** How many points the strokes in view have: browsers draw later, so the time it takes is not seen here. */
  weight = 0;
  /** When all strokes were drawn last, as performance.now() tells it. */
  drawn = 0;
  /** Whether the fringe is behind the strokes. */
  stale = false;

  constructor(
    readonly canvases: Canvases,
    private readonly images: RegionImages,
  ) {
    this.fringe = context(canvases.fringe);
    this.line = context(canvases.line);
    this.fill = context(canvases.fill);
  }

  /** Whether the layer was drawn for a view. */
  isAt(view: View, pane: Size): boolean {
    const f = this.frame;
    return f !== null && same(f.view, view) && f.pane.width === pane.width && f.pane.height === pane.height;
  }

  /** The transform that lays what was drawn for another view over the present one, for CSS. */
  shift(view: View, pane: Size, ratio: number): string {
    if (!this.frame || this.isAt(view, pane)) return "none";
    const by = view.scale / this.frame.view.scale;
    const from = origin(this.frame.view, this.frame.pane);
    const to = origin(view, pane);
    return `matrix(${by}, 0, 0, ${by}, ${(to.x - from.x * by) / ratio}, ${(to.y - from.y * by) / ratio})`;
  }

  /** Draw all strokes for a view. */
  render(frame: Frame, strokes: readonly Stroke[], regions: Regions, look: Look, ratio: number): void {
    const { width, height } = frame.pane;
    for (const canvas of Object.values(this.canvases))
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    Object.assign(this, { frame, strokes, regions, look });
    this.width = Math.max(1, Math.round(ratio));
    const { scale } = frame.view;
    const at = origin(frame.view, frame.pane);
    this.shapes.ground = { scale, origin: at, pane: frame.pane, regions, images: this.images };
    for (const ctx of [this.line, this.fill]) {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.clearRect(0, 0, width, height);
    }
    const part = seen(frame.view, frame.pane);
    const rim = (2 * this.width) / scale;
    this.weight = 0;
    this.within(() => {
      for (const stroke of strokes) {
        const box = extent(stroke, regions);
        if (!box || !intersection(widened(box, rim), part)) continue;
        this.paint(stroke);
        this.weight += stroke.kind === "brush" || stroke.kind === "lasso" ? stroke.points.length / 2 : REGION;
      }
    });
    this.stale = true;
    this.drawn = performance.now();
  }

  /** Draw the strokes that were added since; false if others changed, so that all must be drawn. */
  append(strokes: readonly Stroke[]): boolean {
    const before = this.strokes;
    if (strokes === before) return true;
    if (strokes.length < before.length || before.some((s, i) => s !== strokes[i])) return false;
    const added = strokes.slice(before.length);
    if (added.some((s) => s.kind === "region" && !this.regions.has(s.region))) return false;
    this.within(() => {
      for (const stroke of added) this.paint(stroke);
    });
    this.strokes = strokes;
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
    const { grow, feather, colour } = this.look;
    this.within(() => {
      this.paint(stroke);
      if (erase || !this.frame || !(grow || feather)) return;
      const wider = (grow + feather / 2) * this.frame.view.scale;
      this.shapes.draw(this.fringe, stroke, wider, colour, "source-over");
    });
  }

  /** Draw what growing and feathering add. */
  drawFringe(): void {
    const { frame, look, fringe } = this;
    if (!frame) return;
    this.stale = false;
    const { width, height } = frame.pane;
    const [a, b, sum] = this.scratch;
    fringe.setTransform(1, 0, 0, 1, 0, 0);
    fringe.clearRect(0, 0, width, height);
    const [grow, feather] = [look.grow * frame.view.scale, look.feather * frame.view.scale];
    if (!grow && !feather) return;
    const grown = dilated(this.canvases.fill, grow, [a, b]);
    if (grow) this.drawEdge(grown);
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
    this.within(() => {
      fringe.drawImage(sum.image, 0, 0);
      if (grow) fringe.drawImage(this.edge.image, 0, 0);
    });
  }

  /** A line around what growing comes to. */
  private drawEdge(grown: OffscreenCanvas): void {
    const { width, height } = grown;
    const ctx = this.edge.fresh(width, height);
    for (const { dx, dy } of around(1.5 * this.width)) ctx.drawImage(grown, dx, dy);
    ctx.globalCompositeOperation = "destination-out";
    ctx.drawImage(grown, 0, 0);
    ctx.globalCompositeOperation = "source-in";
    ctx.fillStyle = LIGHT;
    ctx.fillRect(0, 0, width, height);
  }

  /** Draw with nothing going beyond the picture. */
  private within(draw: () => void): void {
    const { frame } = this;
    if (!frame) return;
    const o = origin(frame.view, frame.pane);
    const all = [this.fringe, this.line, this.fill];
    for (const ctx of all) {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.save();
      ctx.beginPath();
      ctx.rect(o.x, o.y, frame.picture.width * frame.view.scale, frame.picture.height * frame.view.scale);
      ctx.clip();
    }
    draw();
    for (const ctx of all) ctx.restore();
  }

  /**
   * Draw a stroke and its outline: a light line and a dark one around it, so that it is seen on any picture.
   *
   * The outline is wider than the fill by as much where it adds, and narrower where it takes away; under the
   * fill it stays, hidden.
   */
  private paint(stroke: Stroke): void {
    const { line, fill, shapes, width: w } = this;
    if (stroke.erase) {
      shapes.draw(line, stroke, -w, DARK, "source-atop");
      shapes.draw(line, stroke, -2 * w, DARK, "destination-out");
      shapes.draw(fill, stroke, 0, this.look.colour, "destination-out");
    } else {
      shapes.draw(line, stroke, 2 * w, DARK, "destination-over");
      shapes.draw(line, stroke, w, LIGHT, "source-over");
      shapes.draw(fill, stroke, 0, this.look.colour, "source-over");
    }
  }
}
