/** The frames of the stage: what is drawn when something changed, at most once for each frame of the screen. */

import { effect } from "@preact/signals";
import { masks } from "../store/mask";
import type { Size } from "./geometry";
import { model } from "./mask";
import { type Canvases, type Look, MaskLayer } from "./mask_layer";
import { measureShare } from "./mask_share";
import { drawChequers, drawGrid, drawPicture, onScreen, type Placed, scaleOf, seenOf } from "./painter";
import { RegionCache } from "./region_images";
import type { Scene } from "./state";
import * as state from "./state";
import { makeStore } from "./tile_fetch";
import { needed } from "./tiles";
import { origin, type View } from "./view";

const QUICK = 500; // points: masks of fewer are drawn for each frame of a movement
const OFTEN = 300; // milliseconds: those of more are drawn that often while it lasts, large ones less
const SETTLED = 120; // milliseconds without movement after which slower ones are

export class Engine {
  private readonly ctx: CanvasRenderingContext2D;
  private readonly store = makeStore(() => this.invalidate());
  private readonly regions = new RegionCache(() => {
    this.redrawMask();
    this.measureLater();
  });
  readonly mask: MaskLayer;
  private readonly stops: (() => void)[];
  private frame = 0;
  private pictureDirty = true;
  private maskDirty = true;
  private lacking = false; // tiles of the result
  private settle: ReturnType<typeof setTimeout> | undefined;
  private measure: ReturnType<typeof setTimeout> | undefined;
  /** While a stroke is drawn, the fringe waits. */
  drawing = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly layers: HTMLElement,
    canvases: Canvases,
  ) {
    const ctx = canvas.getContext("2d", { alpha: false });
    if (!ctx) throw new Error("no 2D canvas");
    this.ctx = ctx;
    this.mask = new MaskLayer(canvases, (region, scale) => {
      const of = model.peek();
      return of ? this.regions.get(of.id, region, scale) : null;
    });
    this.stops = [
      effect(() => {
        // Read here so that a change of any of them draws the picture again.
        void [state.view.value, state.scene.value, state.panes.value, state.single.value, state.mode.value];
        void [state.divider.value, state.mapOpacity.value];
        this.invalidate();
      }),
      effect(() => {
        void [model.value?.strokes.value, state.maskSeen.value];
        this.schedule();
        this.measureLater();
      }),
      effect(() => {
        void [
          model.value,
          model.value?.regions.value,
          state.maskColour.value,
          this.look(),
          state.ratio.value,
        ];
        this.redrawMask();
      }),
    ];
  }

  /** Draw the picture in the next frame. */
  invalidate(): void {
    this.pictureDirty = true;
    this.schedule();
  }

  /** Draw all strokes in the next frame. */
  redrawMask(): void {
    this.maskDirty = true;
    this.schedule();
  }

  schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Draw what waits now, so that segments go onto a mask drawn for the present view. */
  ready(): void {
    const [view, pane] = [state.view.peek(), state.pane.peek()];
    if (view && !this.mask.isAt(view, pane)) this.maskDirty = true;
    cancelAnimationFrame(this.frame);
    this.draw(true);
  }

  retry(): void {
    this.store.retry();
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settle);
    clearTimeout(this.measure);
    for (const stop of this.stops) stop();
    this.store.close();
  }

  private look(): Look {
    const of = model.value;
    const kept = of ? masks.value.get(of.id) : undefined;
    return { colour: state.maskColour.value, grow: kept?.grow ?? 0, feather: kept?.feather ?? 0 };
  }

  /** `painted`: something is about to be drawn on the mask. */
  private draw(painted = false): void {
    this.frame = 0;
    const view = state.view.peek();
    const scene = state.scene.peek();
    if (!view || !scene) {
      this.ctx.fillStyle = surroundings(this.canvas);
      this.ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    if (this.pictureDirty) this.drawPanes(scene, view);
    this.drawMask(scene, view, painted || this.drawing);
  }

  private drawPanes(scene: Scene, view: View): void {
    this.pictureDirty = false;
    const size = state.stageSize.peek();
    const { ctx, canvas } = this;
    if (canvas.width !== size.width || canvas.height !== size.height) {
      canvas.width = size.width;
      canvas.height = size.height;
    }
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = surroundings(canvas);
    ctx.fillRect(0, 0, size.width, size.height);
    let sharp = true;
    this.lacking = false;
    for (const pane of state.panes.peek()) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(pane.x, pane.y, pane.width, pane.height);
      ctx.clip();
      ctx.translate(pane.x, pane.y);
      if (pane.side !== "after") sharp = this.drawSide(scene, scene.before, view, pane) && sharp;
      if (pane.side !== "before" && scene.after) {
        if (pane.side === null) {
          const from = Math.round(state.divider.peek() * pane.width);
          ctx.beginPath();
          ctx.rect(from, 0, pane.width - from, pane.height);
          ctx.clip();
        }
        sharp = this.drawSide(scene, scene.after, view, pane) && sharp;
      }
      ctx.restore();
    }
    state.sharp.value = sharp;
    state.awaited.value = this.lacking;
    this.want(scene, view);
  }

  /** Draw one side; what is missing of a result shows the picture until it is there. */
  private drawSide(scene: Scene, side: readonly Placed[], view: View, pane: Size): boolean {
    const { ctx, store } = this;
    const [lowest] = side;
    if (!lowest) return true;
    const whole = { x: 0, y: 0, width: lowest.source.width, height: lowest.source.height };
    const ground = onScreen(lowest, whole, view, origin(view, pane));
    if (side.some((p) => p.alpha)) drawChequers(ctx, ground, Math.round(8 * state.ratio.peek()), pane);
    const all = scene.map ? [...side, { ...scene.map, opacity: state.mapOpacity.peek() }] : side;
    let sharp = true;
    for (const [i, placed] of all.entries()) {
      const first = i === 0 && side !== scene.before;
      const { complete, covered } = drawPicture(ctx, placed, store, view, pane);
      if (first && !covered) {
        this.lacking = true;
        for (const under of scene.before) drawPicture(ctx, under, store, view, pane);
        drawPicture(ctx, placed, store, view, pane);
      }
      sharp = sharp && complete;
    }
    const finest = side.reduce((a, b) => (scaleOf(b, view) < scaleOf(a, view) ? b : a), lowest);
    drawGrid(ctx, finest, view, pane);
    return sharp;
  }

  /** Ask for the tiles in view, then for those of the other side and around. */
  private want(scene: Scene, view: View): void {
    const pane = state.pane.peek();
    const single = state.single.peek();
    const need = (placed: Placed) => {
      const part = seenOf(placed, view, pane);
      return {
        source: placed.source,
        finish: placed.finish,
        needed: needed(placed.source, part, scaleOf(placed, view)),
      };
    };
    const shown = [
      ...(single === "after" ? [] : scene.before),
      ...(single === "before" ? [] : (scene.after ?? [])),
      ...(scene.map ? [scene.map] : []),
    ];
    const other = [...scene.before, ...(scene.after ?? [])].filter((p) => !shown.includes(p));
    const later = other
      .map(need)
      .map((n) => ({ ...n, needed: { seen: [], soon: [...n.needed.seen, ...n.needed.soon] } }));
    this.store.want([...shown.map(need), ...later]);
  }

  private drawMask(scene: Scene, view: View, painted: boolean): void {
    const { mask, layers } = this;
    const of = model.peek();
    const pane = state.pane.peek();
    // Layers without anything on them would cost as much as others.
    const seen = state.maskSeen.peek() && of !== null && (painted || of.strokes.peek().length > 0);
    layers.hidden = !seen;
    if (!seen || !of) return;
    const { grow, feather } = this.look();
    mask.canvases.fringe.hidden = !grow && !feather;
    const moved = !mask.isAt(view, pane);
    const strokes = of.strokes.peek();
    const behind = this.maskDirty || !mask.append(strokes);
    const often = Math.max(OFTEN, mask.weight / 5);
    const heavy = mask.weight > QUICK && performance.now() - mask.drawn < often;
    if (moved && !behind && heavy && !this.drawing) this.settleLater();
    else if (moved || behind) {
      mask.render(
        { view, pane, picture: scene.picture },
        strokes,
        of.regions.peek(),
        this.look(),
        state.ratio.peek(),
      );
      this.maskDirty = false;
    }
    layers.style.transform = mask.shift(view, pane, state.ratio.peek());
    if (mask.stale && !this.drawing) this.settleLater();
  }

  /** Catch up with what was put off, once nothing has moved for a while. */
  private settleLater(): void {
    clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      const [view, pane] = [state.view.peek(), state.pane.peek()];
      if (view && !this.mask.isAt(view, pane)) return this.redrawMask();
      if (this.mask.stale && !this.drawing) this.mask.drawFringe();
    }, SETTLED);
  }

  private measureLater(): void {
    clearTimeout(this.measure);
    this.measure = setTimeout(() => {
      const of = model.peek();
      const scene = state.scene.peek();
      if (!of || !scene) return;
      const images = (region: string, scale: number) => this.regions.get(of.id, region, scale);
      state.maskShare.value = measureShare(scene.picture, of.strokes.peek(), of.regions.peek(), images);
    }, 300);
  }
}

/** The neutral gray around the picture, from the style. */
function surroundings(canvas: HTMLCanvasElement): string {
  return getComputedStyle(canvas).backgroundColor;
}
