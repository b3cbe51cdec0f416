/** Which tiles of a picture are needed for a view, and where they lie. */

import { clamp, intersection, type Rect, type Size } from "./geometry";

/** A picture in tiles: level 0 is full size, level k is reduced 2**k times, sizes rounded up. */
export interface Tiled extends Size {
  readonly id: string;
  readonly tile: number;
  readonly levels: number;
}

export interface Tile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

export const keyOf = (id: string, t: Tile): string => `${id}/${t.level}/${t.column}/${t.row}`;

export function levelSize(picture: Tiled, level: number): Size {
  const by = 2 ** level;
  return { width: Math.ceil(picture.width / by), height: Math.ceil(picture.height / by) };
}

export function tileCounts(picture: Tiled, level: number): { columns: number; rows: number } {
  const size = levelSize(picture, level);
  return { columns: Math.ceil(size.width / picture.tile), rows: Math.ceil(size.height / picture.tile) };
}

/**
 * The coarsest level that is not enlarged on the screen.
 *
 * scale: pixels of the screen for each pixel of this picture.
 */
export function levelFor(picture: Tiled, scale: number): number {
  return clamp(Math.floor(Math.log2(1 / scale) + 1e-6), 0, picture.levels - 1);
}

/** The part of the picture, in its pixels, that a tile covers. */
export function tileRect(picture: Tiled, t: Tile): Rect {
  const reach = picture.tile * 2 ** t.level;
  const x = t.column * reach;
  const y = t.row * reach;
  return { x, y, width: Math.min(reach, picture.width - x), height: Math.min(reach, picture.height - y) };
}

/** The tiles of a level that meet a part of the picture, those nearest to its middle first. */
export function tilesIn(picture: Tiled, level: number, part: Rect): Tile[] {
  const all = { x: 0, y: 0, width: picture.width, height: picture.height };
  const shown = intersection(part, all);
  if (!shown) return [];
  const reach = picture.tile * 2 ** level;
  const { columns, rows } = tileCounts(picture, level);
  const last = (to: number, count: number): number => clamp(Math.ceil(to / reach) - 1, 0, count - 1);
  const found: Tile[] = [];
  for (let row = Math.floor(shown.y / reach); row <= last(shown.y + shown.height, rows); row++)
    for (let column = Math.floor(shown.x / reach); column <= last(shown.x + shown.width, columns); column++)
      found.push({ level, column, row });
  const cx = (part.x + part.width / 2) / reach - 0.5;
  const cy = (part.y + part.height / 2) / reach - 0.5;
  const far = (t: Tile): number => (t.column - cx) ** 2 + (t.row - cy) ** 2;
  return found.sort((a, b) => far(a) - far(b));
}

/** The tile of a coarser level that holds a tile. */
export function coarser(t: Tile, level: number): Tile {
  const by = 2 ** (level - t.level);
  return { level, column: Math.floor(t.column / by), row: Math.floor(t.row / by) };
}

/** The tiles one level finer that lie in a tile. */
export function finer(picture: Tiled, t: Tile): Tile[] {
  if (t.level === 0) return [];
  const level = t.level - 1;
  const { columns, rows } = tileCounts(picture, level);
  return [0, 1, 2, 3]
    .map((i) => ({ level, column: 2 * t.column + (i % 2), row: 2 * t.row + (i >> 1) }))
    .filter((f) => f.column < columns && f.row < rows);
}

export interface Needed {
  /** Seen now, in the order in which they are wanted. */
  readonly seen: Tile[];
  /** Likely to be seen next. */
  readonly soon: Tile[];
}

/**
 * The tiles to load for a part of the picture at a scale.
 *
 * The coarsest level comes first, as it is one tile or few and covers everything; then the tiles in view; then,
 * for panning, those half a pane around, and the level above them, for zooming out.
 */
export function needed(picture: Tiled, part: Rect, scale: number): Needed {
  const level = levelFor(picture, scale);
  const top = picture.levels - 1;
  const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
  const coarsest = tilesIn(picture, top, whole).slice(0, 16);
  const now = level === top ? [] : tilesIn(picture, level, part);
  const around = {
    x: part.x - part.width / 2,
    y: part.y - part.height / 2,
    width: part.width * 2,
    height: part.height * 2,
  };
  const have = new Set(now.map((t) => `${t.column}/${t.row}`));
  const ring =
    level === top ? [] : tilesIn(picture, level, around).filter((t) => !have.has(`${t.column}/${t.row}`));
  const above = level + 1 < top ? tilesIn(picture, level + 1, around) : [];
  return { seen: [...coarsest, ...now], soon: [...above, ...ring] };
}
