/** Drawing strokes on a canvas, wider or narrower than they are. */

import type { Stroke } from "../api/types";
import { around, Scratch } from "./dilation";
import type { Point, Size } from "./geometry";
import { drawRegion, type RegionImages } from "./region_images";
import { isDot, pathOf, type Regions } from "./stroke";
import { SQUARES } from "./view";

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** How the picture lies on the screen, and what is known of its regions. */
export interface Ground {
  readonly scale: number;
  readonly origin: Point;
  readonly pane: Size;
  readonly regions: Regions;
  readonly images: RegionImages;
}

export class Shapes {
  private readonly scratch = [new Scratch(), new Scratch()] as const;
  ground: Ground | null = null;

  /** Draw a stroke, widened by pixels of the screen, or narrowed by as many below 0. */
  draw(ctx: Context, stroke: Stroke, by: number, colour: string, how: GlobalCompositeOperation): void {
    if (!this.ground) return;
    ctx.globalCompositeOperation = how;
    ctx.fillStyle = ctx.strokeStyle = colour;
    ctx.lineCap = ctx.lineJoin = "round";
    if (stroke.kind === "brush") this.brush(ctx, stroke, by);
    else if (stroke.kind === "region" || by < 0) this.stamp(ctx, stroke, by, colour);
    else this.outlined(ctx, stroke, by);
    ctx.globalCompositeOperation = "source-over";
  }

  private toPicture(ctx: Context): void {
    const { scale, origin } = this.ground as Ground;
    ctx.setTransform(scale, 0, 0, scale, origin.x, origin.y);
  }

  private brush(ctx: Context, stroke: Extract<Stroke, { kind: "brush" }>, by: number): void {
    const radius = stroke.radius + by / (this.ground as Ground).scale;
    if (radius <= 0) return;
    this.toPicture(ctx);
    if (isDot(stroke)) {
      ctx.beginPath();
      ctx.arc(stroke.points[0] as number, stroke.points[1] as number, radius, 0, 2 * Math.PI);
      ctx.fill();
      return;
    }
    ctx.lineWidth = 2 * radius;
    ctx.stroke(pathOf(stroke));
  }

  private outlined(ctx: Context, stroke: Extract<Stroke, { kind: "lasso" | "box" }>, by: number): void {
    this.toPicture(ctx);
    ctx.fill(pathOf(stroke));
    if (!by) return;
    ctx.lineWidth = (2 * by) / (this.ground as Ground).scale;
    ctx.stroke(pathOf(stroke));
  }

  /** Draw by way of another canvas: what is cut off at the rim, and regions, which are pictures. */
  private stamp(ctx: Context, stroke: Exclude<Stroke, { kind: "brush" }>, by: number, colour: string): void {
    const { pane, scale, regions, images } = this.ground as Ground;
    const [plain, cut] = this.scratch;
    const to = plain.fresh(pane.width, pane.height);
    this.toPicture(to);
    to.fillStyle = colour;
    if (stroke.kind === "region") {
      to.imageSmoothingEnabled = scale < SQUARES;
      drawRegion(to, regions.get(stroke.region), images(stroke.region, scale));
      to.setTransform(1, 0, 0, 1, 0, 0);
      to.globalCompositeOperation = "source-in";
      to.fillRect(0, 0, pane.width, pane.height);
    } else to.fill(pathOf(stroke));
    to.setTransform(1, 0, 0, 1, 0, 0);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    if (by < 0) {
      const rest = cut.fresh(pane.width, pane.height);
      rest.drawImage(plain.image, 0, 0);
      rest.globalCompositeOperation = "destination-in";
      for (const { dx, dy } of around(-by)) rest.drawImage(plain.image, dx, dy);
      ctx.drawImage(cut.image, 0, 0);
      return;
    }
    ctx.drawImage(plain.image, 0, 0);
    if (by) for (const { dx, dy } of around(by)) ctx.drawImage(plain.image, dx, dy);
  }
}
