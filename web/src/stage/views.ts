/** Changing the view: the commands of keys, buttons, wheel and fingers. */

import { effect, untracked } from "@preact/signals";
import { picture } from "../store/choice";
import { inView, zoom } from "../store/stage";
import { intersection, outward, type Point, type Size } from "./geometry";
import { pane, panes, ratio, scene, view } from "./state";
import {
  fitScale,
  held,
  nextStop,
  type Pane,
  panned,
  same,
  seen,
  showing,
  toPicture,
  toScreen,
  type View,
  wholeView,
  zoomedAt,
} from "./view";

const saved = new Map<string, View>();
let fitted = true; // whether the view follows the size of the stage

const size = (): Size | null => scene.peek()?.picture ?? null;
const centre = (): Point => ({ x: pane.peek().width / 2, y: pane.peek().height / 2 });

function set(next: View, follow = false): void {
  fitted = follow;
  if (!view.peek() || !same(view.peek() as View, next)) view.value = next;
}

const ofPicture = (change: (now: View, picture: Size) => View) => (): void => {
  const of = size();
  const now = view.peek();
  if (of && now) set(change(now, of));
};

export function fitView(): void {
  const of = size();
  if (of) set(wholeView(of, pane.peek()), true);
}

/** Zoom to a scale, about a point of the pane; the middle without one. */
export function zoomTo(scale: number, at: Point = centre()): void {
  ofPicture((now, of) => zoomedAt(now, at, scale, of, pane.peek()))();
}

export const zoomBy = (factor: number, at?: Point): void => zoomTo((view.peek()?.scale ?? 1) * factor, at);

/** Zoom to the next usual scale. */
export function zoomStep(up: boolean, at?: Point): void {
  const of = size();
  const now = view.peek();
  if (of && now) zoomTo(nextStop(now.scale, up, fitScale(of, pane.peek())), at);
}

export const panBy = (dx: number, dy: number): void =>
  ofPicture((now, of) => panned(now, dx, dy, of, pane.peek()))();

/** Fit, or if all is seen already, single pixels about a point. */
export function toggleFit(at?: Point): void {
  if (fitted) zoomTo(1, at);
  else fitView();
}

/** Show one pixel of the result by one of the screen. */
export function zoomToResult(): void {
  const of = scene.peek();
  const top = of?.after?.at(-1);
  if (of && top) zoomTo(top.source.width / top.box.width);
}

export const reveal = (p: Point): void => ofPicture((now, of) => showing(now, p, of, pane.peek()))();

/** Move two fingers: the point of the picture that was between them stays there. */
export function pinch(from: Point, to: Point, factor: number): void {
  ofPicture((now, of) =>
    panned(
      zoomedAt(now, from, now.scale * factor, of, pane.peek()),
      to.x - from.x,
      to.y - from.y,
      of,
      pane.peek(),
    ),
  )();
}

/** The point within its pane, and the pane, of a point of the stage, in device pixels. */
export function inPane(at: Point): Point {
  const found = panes.peek().find((p) => at.x >= p.x && at.x < p.x + p.width) ?? panes.peek()[0];
  return { x: at.x - (found?.x ?? 0), y: at.y - (found?.y ?? 0) };
}

/** The point of the picture under a point of the stage. */
export function pictureAt(at: Point): Point {
  return toPicture(inPane(at), view.peek() ?? { scale: 1, x: 0, y: 0 }, pane.peek());
}

/** Where a point of the picture is on the stage, in CSS pixels of the first pane; follows the signals it reads. */
export function cssAt(p: Point): Point {
  const now = view.value ?? { scale: 1, x: 0, y: 0 };
  const at = toScreen(p, now, pane.value);
  return { x: at.x / ratio.value, y: at.y / ratio.value };
}

/** Keep the view of each picture, refit when the stage changes, tell the store what is in view. */
export function followViews(): () => void {
  let [last, before] = ["", { width: 0, height: 0 } as Pane];
  const stops = [
    effect(() => {
      const of = picture.value;
      const now = pane.value;
      untracked(() => {
        if (!of || now.width < 2) return;
        const known = view.peek();
        if (of.id !== last) {
          if (last && known && !fitted) saved.set(last, known);
          const old = saved.get(of.id);
          if (old) set(held(old, of, now));
          else fitView();
          last = of.id;
        } else if (
          now.width !== before.width ||
          now.height !== before.height ||
          now.insetY !== before.insetY
        ) {
          if (fitted || !known) fitView();
          else set(held(known, of, now));
        }
        before = now;
      });
    }),
    effect(() => {
      const of = scene.value?.picture;
      const now = view.value;
      if (!of || !now) return;
      zoom.value = now.scale;
      const part = intersection(outward(seen(now, pane.value)), {
        x: 0,
        y: 0,
        width: of.width,
        height: of.height,
      });
      inView.value = part;
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
