/** Drawing pictures from their tiles. */

import { intersection, type Point, type Rect, type Size } from "./geometry";
import type { Drawable, Finish, TileStore } from "./tile_store";
import { coarser, finer, levelFor, type Tile, type Tiled, tileRect, tilesIn } from "./tiles";
import { GRID, origin, SQUARES, seen, type View } from "./view";

/** A picture lying over another: at `box` in the pixels of that one. */
export interface Placed {
  readonly source: Tiled;
  readonly box: Rect;
  readonly alpha: boolean;
  readonly finish?: Finish;
  readonly opacity?: number;
}

type Store = Pick<TileStore<Drawable & CanvasImageSource>, "get">;

/** Pixels of the screen for each pixel of a placed picture. */
export const scaleOf = (placed: Placed, view: View): number =>
  (view.scale * placed.box.width) / placed.source.width;

/** The part of a placed picture, in its own pixels, that a pane shows. */
export function seenOf(placed: Placed, view: View, pane: Size): Rect {
  const { source, box } = placed;
  const part = seen(view, pane);
  const [sx, sy] = [source.width / box.width, source.height / box.height];
  return {
    x: (part.x - box.x) * sx,
    y: (part.y - box.y) * sy,
    width: part.width * sx,
    height: part.height * sy,
  };
}

/**
 * Where a part of a placed picture lies on the screen, in whole pixels.
 *
 * Each edge is rounded by itself, so that tiles that share an edge meet without a seam at every scale.
 */
export function onScreen(placed: Placed, part: Rect, view: View, o: Point): Rect {
  const { source, box } = placed;
  const edge = (at: number, from: number, size: number, whole: number, begin: number): number =>
    Math.round(begin + (from + (at * size) / whole) * view.scale);
  const x = edge(part.x, box.x, box.width, source.width, o.x);
  const y = edge(part.y, box.y, box.height, source.height, o.y);
  return {
    x,
    y,
    width: edge(part.x + part.width, box.x, box.width, source.width, o.x) - x,
    height: edge(part.y + part.height, box.y, box.height, source.height, o.y) - y,
  };
}

/** Draw the part `from` of a tile's bitmap, of which `tile` covers more of the picture. */
function put(
  ctx: CanvasRenderingContext2D,
  bitmap: Drawable & CanvasImageSource,
  placed: Placed,
  tile: Tile,
  part: Rect,
  view: View,
  o: Point,
): void {
  const by = 2 ** tile.level;
  const reach = placed.source.tile * by;
  const to = onScreen(placed, part, view, o);
  if (to.width < 1 || to.height < 1) return;
  const sx = (part.x - tile.column * reach) / by;
  const sy = (part.y - tile.row * reach) / by;
  ctx.drawImage(bitmap, sx, sy, part.width / by, part.height / by, to.x, to.y, to.width, to.height);
}

/** Draw what there is of a picture; returns whether every tile in view was there at the right level. */
export function drawPicture(
  ctx: CanvasRenderingContext2D,
  placed: Placed,
  store: Store,
  view: View,
  pane: Size,
): { complete: boolean; covered: boolean } {
  const { source, finish } = placed;
  const scale = scaleOf(placed, view);
  const level = levelFor(source, scale);
  const o = origin(view, pane);
  let [complete, covered] = [true, true];
  ctx.globalAlpha = placed.opacity ?? 1;
  for (const tile of tilesIn(source, level, seenOf(placed, view, pane))) {
    const part = tileRect(source, tile);
    const bitmap = store.get(source, tile, finish);
    ctx.imageSmoothingEnabled = scale < SQUARES || !bitmap;
    ctx.imageSmoothingQuality = "low";
    if (bitmap) {
      put(ctx, bitmap, placed, tile, part, view, o);
      continue;
    }
    complete = false;
    if (!putCoarser(ctx, placed, store, tile, part, view, o) && !putFiner(ctx, placed, store, tile, view, o))
      covered = false;
  }
  ctx.globalAlpha = 1;
  return { complete, covered };
}

function putCoarser(
  ctx: CanvasRenderingContext2D,
  placed: Placed,
  store: Store,
  tile: Tile,
  part: Rect,
  view: View,
  o: Point,
): boolean {
  for (let level = tile.level + 1; level < placed.source.levels; level++) {
    const other = coarser(tile, level);
    const bitmap = store.get(placed.source, other, placed.finish);
    if (!bitmap) continue;
    put(ctx, bitmap, placed, other, part, view, o);
    return true;
  }
  return false;
}

/** After zooming out: the finer tiles that are still there. */
function putFiner(
  ctx: CanvasRenderingContext2D,
  placed: Placed,
  store: Store,
  tile: Tile,
  view: View,
  o: Point,
): boolean {
  const parts = finer(placed.source, tile);
  let drawn = 0;
  for (const other of parts) {
    const bitmap = store.get(placed.source, other, placed.finish);
    if (!bitmap) continue;
    put(ctx, bitmap, placed, other, tileRect(placed.source, other), view, o);
    drawn++;
  }
  return parts.length > 0 && drawn === parts.length;
}

/** A gray chequerboard, as transparency is shown, in squares of the screen. */
export function drawChequers(ctx: CanvasRenderingContext2D, where: Rect, square: number, pane: Size): void {
  const shown = intersection(where, { x: 0, y: 0, ...pane });
  if (!shown) return;
  const tile = new OffscreenCanvas(2 * square, 2 * square);
  const paint = tile.getContext("2d");
  if (!paint) return;
  paint.fillStyle = "#9a9a9a";
  paint.fillRect(0, 0, 2 * square, 2 * square);
  paint.fillStyle = "#b4b4b4";
  paint.fillRect(0, 0, square, square);
  paint.fillRect(square, square, square, square);
  const pattern = ctx.createPattern(tile, "repeat");
  if (!pattern) return;
  pattern.setTransform(new DOMMatrix([1, 0, 0, 1, where.x, where.y]));
  ctx.fillStyle = pattern;
  ctx.fillRect(shown.x, shown.y, shown.width, shown.height);
}

/** Lines between pixels from 800 % on, fading in as they get larger. */
export function drawGrid(ctx: CanvasRenderingContext2D, placed: Placed, view: View, pane: Size): void {
  const scale = scaleOf(placed, view);
  if (scale <= GRID) return;
  const part = intersection(seenOf(placed, view, pane), {
    x: 0,
    y: 0,
    width: placed.source.width,
    height: placed.source.height,
  });
  if (!part) return;
  const o = origin(view, pane);
  const at = (x: number, y: number): Rect => onScreen(placed, { x, y, width: 0, height: 0 }, view, o);
  const whole = onScreen(
    placed,
    { x: 0, y: 0, width: placed.source.width, height: placed.source.height },
    view,
    o,
  );
  const shown = intersection(whole, { x: 0, y: 0, ...pane });
  if (!shown) return;
  ctx.fillStyle = `rgb(128 128 128 / ${Math.min(0.5, 0.15 + (scale - GRID) / 40)})`;
  for (let x = Math.ceil(part.x); x <= part.x + part.width; x++)
    ctx.fillRect(at(x, 0).x, shown.y, 1, shown.height);
  for (let y = Math.ceil(part.y); y <= part.y + part.height; y++)
    ctx.fillRect(shown.x, at(0, y).y, shown.width, 1);
}
