/** What lies over the canvases: drafts, the brush's ring, the crosshair, the divider, words of the server. */

import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { picture } from "../store/choice";
import { brushRadius } from "../store/stage";
import { text } from "../text/en";
import { clamp, type Point } from "./geometry";
import { StageIcon } from "./icons";
import { marks, placing, reachOf } from "./marks";
import {
  activeTool,
  awaited,
  bubble,
  crosshair,
  type Draft,
  divider,
  draft,
  maskColour,
  masking,
  mode,
  painting,
  pane,
  panes,
  pointer,
  ratio,
  scene,
  selecting,
  single,
  stageSize,
  view,
} from "./state";
import { cssAt, inPane } from "./views";

function path(shape: Draft): string {
  const corner = (x: number, y: number): string => {
    const at = cssAt({ x, y });
    return `${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
  };
  if (shape.kind === "lasso") {
    const parts: string[] = [];
    for (let i = 0; i + 1 < shape.points.length; i += 2)
      parts.push(corner(shape.points[i] as number, shape.points[i + 1] as number));
    return `M${parts.join("L")}Z`;
  }
  if (shape.kind === "box") {
    const { x, y, width, height } = shape.rect;
    return `M${corner(x, y)}L${corner(x + width, y)}L${corner(x + width, y + height)}L${corner(x, y + height)}Z`;
  }
  const { at, radius } = shape;
  return `M${corner(at.x - radius, at.y)}A1 1 0 0 1 ${corner(at.x + radius, at.y)}A1 1 0 0 1 ${corner(at.x - radius, at.y)}Z`;
}

/** Lasso, box and reach while they are drawn, and the crosshair of the keyboard. */
export function Drafts() {
  const shape = draft.value;
  const cross = crosshair.value;
  const at = cross && cssAt(cross);
  const d = shape ? path(shape) : "";
  return (
    <svg class="st-drafts" aria-hidden="true" focusable="false">
      {shape && <path class="st-halo" d={d} />}
      {shape && <path class="st-dash" d={d} />}
      {at && <path class="st-halo" d={plus(at)} />}
      {at && <path class="st-cross" d={plus(at)} />}
    </svg>
  );
}

/** The part of the stage where the picture shows, and not its result: what lies on the picture ends there. */
export function beforeOnly(): { width: string; height: string; clipPath: string } {
  const { width, height } = panes.value[0] ?? stageSize.value;
  const cut = mode.value === "divider" && !single.value && !painting.value;
  // Whole device pixels, as the pictures meet there.
  const kept = Math.round(divider.value * stageSize.value.width);
  return {
    width: `${width / ratio.value}px`,
    height: `${height / ratio.value}px`,
    clipPath: cut ? `inset(0 ${Math.max(0, width - kept) / ratio.value}px 0 0)` : "none",
  };
}

/** The boxes and points that are erased, with how far the objects reach. */
export function Placed() {
  const of = picture.value;
  const now = marks.value;
  if (!of || !now || !view.value || (single.value === "after" && !painting.value)) return null;
  const reached = now.points.flatMap((at) => reachOf(of.id, at) ?? []);
  const boxes = [...now.boxes, ...reached].map((rect) => path({ kind: "box", rect })).join("");
  const points = now.points.map((at) => cssAt({ x: at.x + 0.5, y: at.y + 0.5 }));
  return (
    <svg class="st-drafts st-placed" style={beforeOnly()} aria-hidden="true" focusable="false">
      <path class="st-place" d={boxes} style={{ fill: maskColour.value, stroke: maskColour.value }} />
      {points.map(({ x, y }) => (
        <circle key={`${x},${y}`} cx={x} cy={y} r={4.5} style={{ fill: maskColour.value }} />
      ))}
    </svg>
  );
}

function plus({ x, y }: Point): string {
  return `M${x - 14} ${y}h10M${x + 4} ${y}h10M${x} ${y - 14}v10M${x} ${y + 4}v10`;
}

const SMALLEST = 4; // CSS pixels: smaller rings cannot be seen

/** The ring of the brush, of its true size; side by side, one in each pane. */
export function Ring() {
  const painting = activeTool.value === "brush" || activeTool.value === "eraser";
  const scale = view.value?.scale ?? 1;
  const across = Math.max(SMALLEST, (2 * brushRadius.value * scale) / ratio.value);
  const at = pointer.value ? inPane(pointer.value) : null;
  const spot = crosshair.value
    ? cssAt(crosshair.value)
    : at && { x: at.x / ratio.value, y: at.y / ratio.value };
  if (!painting || !spot) return null;
  return (
    <>
      {panes.value.map((p) => (
        <div
          key={p.x}
          class={activeTool.value === "eraser" ? "st-ring st-erasing" : "st-ring"}
          style={{
            width: `${across}px`,
            height: `${across}px`,
            transform: `translate(${p.x / ratio.value + spot.x - across / 2}px, ${spot.y - across / 2}px)`,
          }}
        />
      ))}
    </>
  );
}

/** The line between before and after. */
export function Divider() {
  const drag = useRef(false);
  if (mode.value !== "divider" || single.value) return null;
  const set = (share: number): void => {
    divider.value = clamp(share, 0, 1);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.shiftKey ? 0.1 : 0.02;
    const to = {
      ArrowLeft: divider.value - step,
      ArrowRight: divider.value + step,
      ArrowDown: divider.value - step,
      ArrowUp: divider.value + step,
      Home: 0,
      End: 1,
    }[event.key];
    if (to === undefined) return;
    set(to);
    event.preventDefault();
    event.stopPropagation();
  };
  const onMove = (event: PointerEvent): void => {
    const stage = (event.currentTarget as HTMLElement).closest(".st")?.getBoundingClientRect();
    if (drag.current && stage) set((event.clientX - stage.left) / stage.width);
  };
  // Whole device pixels, as the pictures meet there.
  const x = Math.round(divider.value * stageSize.value.width) / ratio.value;
  const of = scene.value?.picture;
  const height = pane.value.height / ratio.value;
  const top = Math.max(0, of ? cssAt({ x: 0, y: 0 }).y : 0);
  const bottom = Math.max(0, of ? height - cssAt({ x: 0, y: of.height }).y : 0);
  return (
    <div
      class="st-divider"
      style={{ transform: `translateX(${x}px)`, top: `${top}px`, bottom: `${bottom}px` }}
    >
      <div
        class="st-handle"
        role="slider"
        tabIndex={0}
        aria-label={text.stage.divider}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(divider.value * 100)}
        aria-valuetext={text.stage.dividerAt(Math.round(divider.value * 100))}
        aria-orientation="horizontal"
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          drag.current = true;
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={onMove}
        onPointerUp={() => {
          drag.current = false;
        }}
        onPointerCancel={() => {
          drag.current = false;
        }}
        onDblClick={() => set(0.5)}
      >
        <StageIcon name="grip" />
      </div>
      <span class="st-side-name st-left" aria-hidden="true">
        {text.stage.before}
      </span>
      <span class="st-side-name st-right" aria-hidden="true">
        {nameOf("after")}
      </span>
    </div>
  );
}

/** The name of a side; with dots while the other shows in its place. */
function nameOf(side: "before" | "after" | null): string {
  if (side !== "after") return text.stage.before;
  return awaited.value ? text.stage.awaited : text.stage.after;
}

const NAME = { height: 24, gap: 8 }; // CSS pixels

/** Where the name of a pane stands, in CSS pixels: under the picture, or over its lower edge where it fills the pane. */
function nameSpot(): Point {
  const of = scene.value?.picture ?? { width: 0, height: 0 };
  const [width, height] = [pane.value.width / ratio.value, pane.value.height / ratio.value];
  const [start, end] = [cssAt({ x: 0, y: 0 }), cssAt({ x: of.width, y: of.height })];
  const bars =
    masking.value || placing.value ? Math.max(60, (pane.value.insetY ?? 0) / ratio.value) : NAME.gap;
  const lowest = Math.max(0, height - bars - NAME.height);
  const under = end.y + NAME.gap;
  return {
    x: (clamp(start.x, 0, width) + clamp(end.x, 0, width)) / 2,
    y: under <= lowest ? Math.max(under, NAME.gap) : clamp(end.y - NAME.gap - NAME.height, 0, lowest),
  };
}

/** Names of the panes side by side, and of what is shown where one blinks. */
export function SideNames() {
  const names = useComputed(() => {
    const { x, y } = nameSpot();
    if (mode.value === "side" && !single.value)
      return panes.value.map((p) => ({ x: p.x / ratio.value + x, y, side: p.side }));
    if (mode.value === "blink" || (single.value && mode.value === "side") || mode.value === "result")
      return [{ x, y, side: single.value }];
    return [];
  });
  return (
    <>
      {names.value.map(({ x, y, side }) => (
        <span
          key={side}
          class="st-side-name st-alone"
          style={{ left: `${x}px`, top: `${y}px` }}
          aria-hidden="true"
        >
          {nameOf(side)}
        </span>
      ))}
    </>
  );
}

/** What the server said about a point, at that point; and that it is at work there. */
export function Bubble() {
  const busy = selecting.value;
  const said = bubble.value;
  const at = said?.at ?? busy;
  if (!at || !view.value) return null;
  const spot = cssAt(at);
  const [width, height] = [pane.value.width / ratio.value, pane.value.height / ratio.value];
  if (spot.x < 0 || spot.y < 0 || spot.x > width || spot.y > height) return null;
  if (!said)
    return (
      <div
        class="st-busy"
        style={{ left: `${spot.x}px`, top: `${spot.y}px` }}
        role="img"
        aria-label={text.stage.selecting}
      />
    );
  const wide = Math.min(280, width - 16);
  const left = clamp(spot.x - wide / 2, 8, width - wide - 8);
  const below = spot.y < height / 2;
  return (
    <div
      class={below ? "st-bubble st-below" : "st-bubble"}
      role="alert"
      style={{ left: `${left}px`, width: `${wide}px`, top: `${spot.y}px`, "--tip": `${spot.x - left}px` }}
    >
      <p>{said.words}</p>
      <button
        type="button"
        aria-label={text.stage.dismiss}
        onClick={() => {
          bubble.value = null;
        }}
      >
        ×
      </button>
    </div>
  );
}
