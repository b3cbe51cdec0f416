/** Widening what is painted on a canvas by a disc, by drawing it several times side by side. */

export type Step = readonly { readonly dx: number; readonly dy: number }[];

/**
 * Shifts whose unions, one after the other, widen a shape by a disc of `radius`.
 *
 * Each step goes at most one and a half times as far as the shape was widened before, so that no holes are
 * left between copies; the directions are turned by half their distance in every other step, which makes the
 * sum round to about 2 %.
 */
export function steps(radius: number): Step[] {
  const found: Step[] = [];
  let reached = 0;
  while (radius - reached > 0.25) {
    const far = Math.min(radius - reached, reached ? 1.5 * reached : 1);
    const turn = found.length % 2 ? Math.PI / 8 : 0;
    found.push(around(far, turn));
    reached += far;
  }
  return found;
}

/** Eight shifts of a length, all around. */
export const around = (far: number, turn = 0): Step =>
  Array.from({ length: 8 }, (_, i) => ({
    dx: far * Math.cos(turn + (i * Math.PI) / 4),
    dy: far * Math.sin(turn + (i * Math.PI) / 4),
  }));

type Context = OffscreenCanvasRenderingContext2D;

/** A canvas to draw on in between; of the size asked for and clear. */
export class Scratch {
  private readonly canvas = new OffscreenCanvas(1, 1);
  readonly ctx: Context;

  constructor() {
    const ctx = this.canvas.getContext("2d");
    if (!ctx) throw new Error("no 2D canvas");
    this.ctx = ctx;
  }

  fresh(width: number, height: number): Context {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.ctx.globalCompositeOperation = "source-over";
    this.ctx.globalAlpha = 1;
    this.ctx.clearRect(0, 0, width, height);
    return this.ctx;
  }

  get image(): OffscreenCanvas {
    return this.canvas;
  }
}

/** Widen what is on `image`; the answer is one of the two canvases. */
export function dilated(
  image: CanvasImageSource & { width: number; height: number },
  radius: number,
  pair: [Scratch, Scratch],
): OffscreenCanvas {
  const { width, height } = image;
  let [to, other] = pair;
  to.fresh(width, height).drawImage(image, 0, 0);
  for (const step of steps(radius)) {
    const ctx = other.fresh(width, height);
    ctx.drawImage(to.image, 0, 0);
    for (const { dx, dy } of step) ctx.drawImage(to.image, dx, dy);
    [to, other] = [other, to];
  }
  return to.image;
}
