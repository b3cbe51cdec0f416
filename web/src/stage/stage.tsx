/** The picture, and what is painted on it. */

import { effect, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { picture, shown, task } from "../store/choice";
import { connection } from "../store/data";
import { text } from "../text/en";
import { CompareBar, Legend, PlaceBar, ToolBar, ZoomBar } from "./bars";
import { description } from "./describe";
import { Engine } from "./engine";
import { KeyboardTool } from "./keyboard_tool";
import { placing } from "./marks";
import { followMasks, model } from "./mask";
import { Bubble, beforeOnly, Divider, Drafts, Placed, Ring, SideNames } from "./overlay";
import { Pointers } from "./pointers";
import { addStageKeys } from "./stage_keys";
import {
  activeTool,
  blinkOn,
  bubble,
  crosshair,
  masking,
  maskOpacity,
  maskSeen,
  mode,
  painting,
  panes,
  patch,
  ratio,
  scene,
  sharp,
  stageSize,
} from "./state";
import { forgetPoint } from "./tools";
import { followViews } from "./views";
import "./stage.css";
import "./bars.css";

const BLINK = 700; // milliseconds

/** Write down the size of an element in device pixels, exactly where the browser tells it. */
function followSize(element: HTMLElement): () => void {
  const set = (width: number, height: number): void => {
    ratio.value = devicePixelRatio;
    const now = stageSize.peek();
    if (width && height && (now.width !== width || now.height !== height))
      stageSize.value = { width, height };
  };
  const observer = new ResizeObserver(([entry]) => {
    const exact = entry?.devicePixelContentBoxSize?.[0];
    const box = element.getBoundingClientRect();
    // Where a browser only pretends to have another ratio, the exact size is that of the true one.
    const near = (told: number | undefined, css: number): number => {
      const reckoned = css * devicePixelRatio;
      return told !== undefined && Math.abs(told - reckoned) <= 1 ? told : Math.round(reckoned);
    };
    set(near(exact?.inlineSize, box.width), near(exact?.blockSize, box.height));
  });
  try {
    observer.observe(element, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(element);
  }
  return () => observer.disconnect();
}

/** While it blinks, the two take turns; where the system asks for less motion, only by key and button. */
function followBlinking(): () => void {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  return effect(() => {
    if (mode.value !== "blink" || calm.matches) return;
    const timer = setInterval(() => {
      blinkOn.value = !blinkOn.peek();
    }, BLINK);
    return () => clearInterval(timer);
  });
}

/** What was said about a point goes with the picture, task, tool, mask and result that it was said of. */
function followPoints(): () => void {
  const asked = effect(() => {
    void [picture.value?.id, task.value?.name];
    forgetPoint();
  });
  const said = effect(() => {
    void [model.value?.strokes.value, shown.value?.id, activeTool.value];
    bubble.value = null;
  });
  return () => {
    asked();
    said();
  };
}

/** Looking at something else ends painting over a result. */
function followLooking(): () => void {
  return effect(() => {
    void [mode.value, shown.value?.id, patch.value?.source.id, picture.value?.id, task.value?.name];
    painting.value = false;
    crosshair.value = null;
  });
}

function Canvas() {
  const root = useRef<HTMLDivElement>(null);
  const main = useRef<HTMLCanvasElement>(null);
  const layers = useRef<HTMLDivElement>(null);
  const [fringe, fill, line] = [
    useRef<HTMLCanvasElement>(null),
    useRef<HTMLCanvasElement>(null),
    useRef<HTMLCanvasElement>(null),
  ];
  const surface = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const all = { fringe: fringe.current, fill: fill.current, line: line.current };
    if (!root.current || !main.current || !layers.current || !surface.current) return;
    if (!all.fringe || !all.fill || !all.line) return;
    const at = surface.current;
    const engine = new Engine(main.current, layers.current, {
      fringe: all.fringe,
      fill: all.fill,
      line: all.line,
    });
    const cursor = (): void => {
      at.dataset.cursor =
        pointers.spaced || activeTool.peek() === "pan"
          ? pointers.busy
            ? "grabbing"
            : "grab"
          : activeTool.peek();
    };
    const keyboard = new KeyboardTool(engine);
    const pointers = new Pointers(at, engine, cursor);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const repaint = (): void => engine.invalidate();
    dark.addEventListener("change", repaint);
    const stops = [
      followSize(root.current),
      followViews(),
      followMasks(),
      followBlinking(),
      followLooking(),
      followPoints(),
      addStageKeys(keyboard, pointers, cursor),
      effect(() => {
        void activeTool.value;
        keyboard.cancelPoints();
        cursor();
      }),
      effect(() => {
        if (connection.value === "live") engine.retry();
      }),
      () => dark.removeEventListener("change", repaint),
      () => pointers.close(),
      () => engine.close(),
    ];
    return () => stops.forEach((stop) => void stop());
  }, []);

  return (
    <div class="st" ref={root}>
      <canvas
        class="st-picture"
        ref={main}
        style={canvasSize(stageSize.value)}
        data-sharp={sharp.value ? "" : undefined}
      />
      <Layers layers={layers} canvases={[fringe, line, fill]} />
      <Placed />
      <Drafts />
      <Ring />
      <div
        class="st-surface"
        ref={surface}
        tabIndex={0}
        role="application"
        aria-label={text.stage.picture(scene.value?.picture.name ?? "")}
        aria-describedby="st-description st-help"
      />
      <Divider />
      <SideNames />
      <Bubble />
      <CompareBar />
      <ToolBar />
      <PlaceBar />
      <Legend />
      <ZoomBar />
      <p class="hidden" id="st-help">
        {masking.value || placing.value ? text.stage.help : text.stage.helpView}
      </p>
      <Said />
    </div>
  );
}

const canvasSize = (size: { width: number; height: number }) => ({
  width: `${size.width / ratio.value}px`,
  height: `${size.height / ratio.value}px`,
});

interface LayersProps {
  layers: { current: HTMLDivElement | null };
  canvases: { current: HTMLCanvasElement | null }[];
}

/** The mask; beside a divider only over the picture, not over its result. */
function Layers({ layers, canvases: [fringe, line, fill] }: LayersProps) {
  const [first] = panes.value;
  const size = canvasSize(first ?? stageSize.value);
  return (
    <div class="st-clip" style={beforeOnly()} hidden={!maskSeen.value}>
      <div class="st-layers" ref={layers} style={{ opacity: maskOpacity.value }}>
        <canvas ref={fringe ?? null} style={{ ...size, opacity: 0.5 }} />
        <canvas ref={line ?? null} style={size} />
        <canvas ref={fill ?? null} style={size} data-mask="" />
      </div>
    </div>
  );
}

/** Tells what changed, once it has stopped changing. */
function Said() {
  const [words, setWords] = useState("");
  useSignalEffect(() => {
    const next = description.value;
    const timer = setTimeout(() => setWords(next), 500);
    return () => clearTimeout(timer);
  });
  return (
    <p class="hidden" id="st-description" aria-live="polite">
      {words}
    </p>
  );
}

export function Stage() {
  return picture.value ? <Canvas /> : null;
}
