/**
 * Which part of a picture is seen, and how large.
 *
 * A view knows the point of the picture at the middle of its pane, so that the same view serves panes of
 * another size, and two panes side by side. Pixels of the screen are device pixels throughout.
 */

import { clamp, type Point, type Rect, type Size } from "./geometry";

export interface View {
  /** Pixels of the screen for each pixel of the picture: 1 is 100 %. */
  readonly scale: number;
  /** The point of the picture in the middle of the pane. */
  readonly x: number;
  readonly y: number;
}

/** From here on single pixels are drawn as squares. */
export const SQUARES = 1;
/** Above it they have lines between them. */
export const GRID = 8;
const LARGEST = 64;
const MARGIN = 0.25;
const STOPS = [
  1 / 32,
  1 / 24,
  1 / 16,
  1 / 12,
  1 / 8,
  1 / 6,
  1 / 4,
  1 / 3,
  1 / 2,
  2 / 3,
  1,
  1.5,
  2,
  3,
  4,
  6,
  8,
  12,
  16,
  24,
  32,
  48,
  64,
];

/** A pane and, where bars lie over its edges, the width of what they cover. */
export interface Pane extends Size {
  readonly insetX?: number;
  readonly insetY?: number;
}

/** How far small pictures are enlarged to be seen as a whole, and to how many pixels of the screen at most. */
const ENLARGED = 8;
const SMALL = 512;

/**
 * The scale at which all of a picture is seen beside the bars. Small pictures are enlarged by whole numbers, so
 * that all of their pixels are squares of one size.
 */
export function fitScale(picture: Size, pane: Pane): number {
  const width = Math.max(1, pane.width - 2 * (pane.insetX ?? 0));
  const height = Math.max(1, pane.height - 2 * (pane.insetY ?? 0));
  const scale = Math.min(width / picture.width, height / picture.height);
  const room = SMALL / Math.max(picture.width, picture.height);
  return scale < 1 ? scale : Math.max(1, Math.min(ENLARGED, Math.floor(Math.min(scale, room))));
}

export function wholeView(picture: Size, pane: Pane): View {
  return { scale: fitScale(picture, pane), x: picture.width / 2, y: picture.height / 2 };
}

/** Where the picture's top left corner is on the screen: whole pixels, so that 100 % is crisp. */
export function origin(view: View, pane: Size): Point {
  return {
    x: Math.round(pane.width / 2 - view.x * view.scale),
    y: Math.round(pane.height / 2 - view.y * view.scale),
  };
}

export function toScreen(p: Point, view: View, pane: Size): Point {
  const o = origin(view, pane);
  return { x: o.x + p.x * view.scale, y: o.y + p.y * view.scale };
}

export function toPicture(p: Point, view: View, pane: Size): Point {
  const o = origin(view, pane);
  return { x: (p.x - o.x) / view.scale, y: (p.y - o.y) / view.scale };
}

/** The part of the plane of the picture that a pane shows; it can reach past the picture. */
export function seen(view: View, pane: Size): Rect {
  const from = toPicture({ x: 0, y: 0 }, view, pane);
  return { ...from, width: pane.width / view.scale, height: pane.height / view.scale };
}

/** Scales that zooming may come to. */
export function scaleRange(picture: Size, pane: Pane): [number, number] {
  return [Math.min(fitScale(picture, pane) / 2, 1), LARGEST];
}

function heldAxis(at: number, length: number, pane: number, inset: number, scale: number): number {
  const spare = length * scale - pane + 2 * inset;
  if (spare <= 0) return length / 2;
  const reach = (spare / 2 + MARGIN * Math.min(pane, spare)) / scale;
  return clamp(at, length / 2 - reach, length / 2 + reach);
}

/** The view nearest to one that keeps the picture in its pane. */
export function held(view: View, picture: Size, pane: Pane): View {
  const [least, most] = scaleRange(picture, pane);
  const scale = clamp(view.scale, least, most);
  return {
    scale,
    x: heldAxis(view.x, picture.width, pane.width, pane.insetX ?? 0, scale),
    y: heldAxis(view.y, picture.height, pane.height, pane.insetY ?? 0, scale),
  };
}

/** Zoom so that the point of the picture under `at`, a point of the screen, stays there. */
export function zoomedAt(view: View, at: Point, scale: number, picture: Size, pane: Pane): View {
  const [least, most] = scaleRange(picture, pane);
  const to = clamp(scale, least, most);
  const p = toPicture(at, view, pane);
  return held(
    { scale: to, x: p.x + (pane.width / 2 - at.x) / to, y: p.y + (pane.height / 2 - at.y) / to },
    picture,
    pane,
  );
}

/** Move the picture by pixels of the screen. */
export function panned(view: View, dx: number, dy: number, picture: Size, pane: Pane): View {
  return held({ ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale }, picture, pane);
}

/** The next usual scale above or below one; that of the whole picture is among them. */
export function nextStop(scale: number, up: boolean, fitted: number): number {
  const stops = [...STOPS, fitted].sort((a, b) => a - b);
  const near = 1.01;
  if (up) return stops.find((s) => s > scale * near) ?? LARGEST;
  return stops.reverse().find((s) => s < scale / near) ?? scale / 2;
}

/** Move as little as is needed to see a point with some room around it. */
export function showing(view: View, p: Point, picture: Size, pane: Pane, room = 48): View {
  const at = toScreen(p, view, pane);
  const space = Math.min(room, pane.width / 4, pane.height / 4);
  const dx = clamp(at.x, space, pane.width - space) - at.x;
  const dy = clamp(at.y, space, pane.height - space) - at.y;
  return dx || dy ? panned(view, dx, dy, picture, pane) : view;
}

/** A scale in words: "50 %", "33.3 %", "800 %". */
export function percent(scale: number): string {
  const value = scale * 100;
  const digits = value < 10 ? 1 : 0;
  return `${Number(value.toFixed(digits))} %`;
}

export const same = (a: View, b: View): boolean => a.scale === b.scale && a.x === b.x && a.y === b.y;
