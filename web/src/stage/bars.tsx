/** The controls of the stage: tools, comparing, zoom, the legend of the map. */

import { useEffect, useRef, useState } from "preact/hooks";
import { shownMap } from "../store/choice";
import { brushRadius, type Compare, compare, overlayMap, placeTool, type Tool, tool } from "../store/stage";
import { text } from "../text/en";
import { radiusOf, SLIDER_STEPS, sliderOf } from "./brush_size";
import { MASK_COLOURS, rampGradient } from "./colours";
import { type IconName, StageIcon } from "./icons";
import { canUndoMark, clearMarks, marks, placing, undoMark } from "./marks";
import { model } from "./mask";
import {
  blinkOn,
  mapOpacity,
  maskColour,
  masking,
  maskOpacity,
  maskShown,
  mode,
  pressure,
  scene,
  taking,
  view,
} from "./state";
import { percent } from "./view";
import { fitView, zoomStep, zoomTo } from "./views";

const words = text.stage;

interface ButtonProps {
  /** Without one the label is written. */
  icon: IconName | null;
  label: string;
  keys?: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

function Button({ icon, label, keys, pressed, disabled, onClick }: ButtonProps) {
  return (
    <button
      type="button"
      class={icon ? "st-button" : "st-button st-word"}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled ?? false}
      title={keys ? `${label} (${keys})` : label}
      onClick={onClick}
    >
      {icon ? <StageIcon name={icon} /> : label}
    </button>
  );
}

const TOOLS: readonly [Tool, string][] = [
  ["pan", "V"],
  ["brush", "B"],
  ["eraser", "E"],
  ["lasso", "L"],
  ["box", "R"],
  ["magic", "W"],
];

const PLACE_TOOLS: readonly Tool[] = ["pan", "magic", "box"];

/** The tools of places; not there for tasks that are told none. */
export function PlaceBar() {
  if (!placing.value) return null;
  const some = marks.value !== null && marks.value.boxes.length + marks.value.points.length > 0;
  return (
    <div class="st-bar st-tools" role="toolbar" aria-label={words.placeTools}>
      <div class="st-group">
        {TOOLS.filter(([name]) => PLACE_TOOLS.includes(name)).map(([name, keys]) => (
          <Button
            key={name}
            icon={name}
            label={words.tool[name]}
            keys={keys}
            pressed={placeTool.value === name}
            onClick={() => {
              placeTool.value = name;
            }}
          />
        ))}
      </div>
      <div class="st-group">
        <Button
          icon="undo"
          label={words.undo}
          keys="Ctrl Z"
          disabled={!canUndoMark.value}
          onClick={undoMark}
        />
        <Button icon="clear" label={words.clearMarks} keys="Delete" disabled={!some} onClick={clearMarks} />
      </div>
    </div>
  );
}

/** The tools of the mask; not there for tasks that take none. */
export function ToolBar() {
  const of = model.value;
  if (!masking.value || !of) return null;
  return (
    <div class="st-bar st-tools" role="toolbar" aria-label={words.tools}>
      <div class="st-group">
        {TOOLS.map(([name, keys]) => (
          <Button
            key={name}
            icon={name}
            label={words.tool[name]}
            keys={keys}
            pressed={tool.value === name}
            onClick={() => {
              tool.value = name;
            }}
          />
        ))}
      </div>
      {SHAPES.has(tool.value) ? <Sign /> : <Size />}
      <div class="st-group">
        <Button
          icon="undo"
          label={words.undo}
          keys="Ctrl Z"
          disabled={!of.canUndo.value}
          onClick={() => of.undo()}
        />
        <Button
          icon="redo"
          label={words.redo}
          keys="Ctrl Shift Z"
          disabled={!of.canRedo.value}
          onClick={() => of.redo()}
        />
        <Button
          icon="clear"
          label={words.clear}
          keys="Delete"
          disabled={!of.strokes.value.length}
          onClick={() => of.clear()}
        />
        <LookButton />
      </div>
      {of.problem.value && (
        <p class="st-problem" role="alert">
          {words.unsaved(of.problem.value)}
        </p>
      )}
    </div>
  );
}

const SHAPES: ReadonlySet<Tool> = new Set<Tool>(["lasso", "box", "magic"]);

function Size() {
  const sized = tool.value === "brush" || tool.value === "eraser";
  return (
    <label class="st-group st-size" title={`${words.brushSize} ([ ])`} data-off={sized ? undefined : ""}>
      <span class="hidden">{words.brushSize}</span>
      <input
        type="range"
        min={0}
        max={SLIDER_STEPS}
        value={sliderOf(brushRadius.value)}
        disabled={!sized}
        aria-valuetext={words.pixelsWide(2 * brushRadius.value)}
        onInput={(event) => {
          brushRadius.value = radiusOf(event.currentTarget.valueAsNumber);
        }}
      />
      <output>{words.pixels(2 * brushRadius.value)}</output>
    </label>
  );
}

/** Whether shapes add to the mask or take away from it. */
function Sign() {
  const choose = (away: boolean) => () => {
    taking.value = away;
  };
  return (
    <div class="st-group st-size st-sign">
      <Button icon={null} label={words.add} keys="S" pressed={!taking.value} onClick={choose(false)} />
      <Button icon={null} label={words.take} keys="S, or Alt" pressed={taking.value} onClick={choose(true)} />
    </div>
  );
}

/** How the mask is shown. */
function LookButton() {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const close = (event: Event): void => {
      if (
        event instanceof KeyboardEvent ? event.key === "Escape" : !box.current?.contains(event.target as Node)
      )
        setOpen(false);
    };
    addEventListener("pointerdown", close, true);
    addEventListener("keydown", close, true);
    return () => {
      removeEventListener("pointerdown", close, true);
      removeEventListener("keydown", close, true);
    };
  }, [open]);
  return (
    <div class="st-look" ref={box}>
      <button
        type="button"
        class="st-button"
        aria-label={words.look}
        title={words.look}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span class="st-swatch" style={{ background: maskColour.value }} />
      </button>
      {open && (
        <div class="st-popover" role="group" aria-label={words.look}>
          <label class="st-check">
            <input
              type="checkbox"
              checked={maskShown.value}
              onChange={(event) => {
                maskShown.value = event.currentTarget.checked;
              }}
            />
            {words.showMask}
            <kbd>M</kbd>
          </label>
          <fieldset class="st-colours">
            <legend>{words.colour}</legend>
            {MASK_COLOURS.map((colour, i) => (
              <input
                key={colour}
                type="radio"
                name="mask-colour"
                aria-label={words.colours[i] ?? colour}
                title={words.colours[i] ?? colour}
                checked={maskColour.value === colour}
                style={{ "--colour": colour }}
                onChange={() => {
                  maskColour.value = colour;
                }}
              />
            ))}
          </fieldset>
          <Slider label={words.opacity} of={maskOpacity} least={0.1} />
          <label class="st-check">
            <input
              type="checkbox"
              checked={pressure.value}
              onChange={(event) => {
                pressure.value = event.currentTarget.checked;
              }}
            />
            {words.pressure}
          </label>
        </div>
      )}
    </div>
  );
}

function Slider({ label, of, least = 0 }: { label: string; of: { value: number }; least?: number }) {
  return (
    <label class="st-slider">
      <span>{label}</span>
      <input
        type="range"
        min={least * 100}
        max={100}
        value={of.value * 100}
        aria-valuetext={`${Math.round(of.value * 100)} %`}
        onInput={(event) => {
          of.value = event.currentTarget.valueAsNumber / 100;
        }}
      />
    </label>
  );
}

const MODES: readonly [Compare, IconName | null][] = [
  ["picture", null],
  ["divider", "divider"],
  ["side", "side"],
  ["blink", "blink"],
  ["result", null],
];

/** How before and after are compared; there once there is an after. */
export function CompareBar() {
  if (!scene.value?.after) return null;
  return (
    <div class="st-bar st-compare" role="toolbar" aria-label={words.comparing}>
      {MODES.map(([name, icon]) => (
        <Button
          key={name}
          icon={icon}
          label={words.modes[name]}
          keys={name === "blink" ? "C; hold X" : "C"}
          pressed={mode.value === name}
          onClick={() => setCompare(name)}
        />
      ))}
      {shownMap.value && (
        <>
          <span class="st-rule" />
          <Button
            icon="map"
            label={words.map}
            keys="U"
            pressed={overlayMap.value}
            onClick={() => {
              overlayMap.value = !overlayMap.value;
            }}
          />
        </>
      )}
    </div>
  );
}

/** Choose how to compare; blinking, choose again to see the other. */
export function setCompare(name: Compare): void {
  if (name === "blink" && mode.peek() === "blink") blinkOn.value = !blinkOn.peek();
  compare.value = name;
}

export function ZoomBar() {
  const scale = view.value?.scale ?? 1;
  return (
    <div class="st-bar st-zoom" role="toolbar" aria-label={words.zoom}>
      <Button icon="minus" label={words.zoomOut} keys="−" onClick={() => zoomStep(false)} />
      <button
        type="button"
        class="st-percent"
        title={`${words.whole} (1)`}
        aria-label={`${percent(scale)}, ${words.whole}`}
        onClick={() => zoomTo(1)}
      >
        {percent(scale)}
      </button>
      <Button icon="plus" label={words.zoomIn} keys="+" onClick={() => zoomStep(true)} />
      <Button icon="fit" label={words.fit} keys="0" onClick={fitView} />
    </div>
  );
}

/** What the colours of the map mean. */
export function Legend() {
  if (!scene.value?.map) return null;
  return (
    <div class="st-bar st-legend" role="group" aria-label={words.map}>
      <span class="st-legend-name">{words.map}</span>
      <div class="st-ramp" style={{ background: rampGradient() }} role="img" aria-label={words.ramp} />
      <div class="st-ends" aria-hidden="true">
        <span>{words.sure}</span>
        <span>{words.unsure}</span>
      </div>
      <Slider label={words.opacity} of={mapOpacity} />
    </div>
  );
}
