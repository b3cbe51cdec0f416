/** The keys of the stage. */

import { addKeys, type Key } from "../store/keys";
import { brushRadius, compare, overlayMap, placeTool, type Tool, tool } from "../store/stage";
import { text } from "../text/en";
import { setCompare } from "./bars";
import { stepped } from "./brush_size";
import type { KeyboardTool } from "./keyboard_tool";
import { clearMarks, placing, undoMark } from "./marks";
import { model } from "./mask";
import type { Pointers } from "./pointers";
import { bubble, crosshair, masking, maskShown, peeking, ratio, scene, taking } from "./state";
import { fitView, panBy, zoomStep, zoomTo, zoomToResult } from "./views";

const PAN = 64; // CSS pixels for each press of an arrow
const ORDER = ["picture", "divider", "side", "blink", "result"] as const;

const TOOL_KEYS: readonly [string[], Tool][] = [
  [["v", "h"], "pan"],
  [["b"], "brush"],
  [["e"], "eraser"],
  [["l"], "lasso"],
  [["r"], "box"],
  [["w"], "magic"],
];

const PLACE_KEYS: readonly [string[], Tool][] = [
  [["v"], "pan"],
  [["w"], "magic"],
  [["r"], "box"],
];

const ARROWS: readonly [string, number, number][] = [
  ["ArrowLeft", -1, 0],
  ["ArrowRight", 1, 0],
  ["ArrowUp", 0, -1],
  ["ArrowDown", 0, 1],
];

type Run = Key["run"];

function viewKeys(): Key[] {
  const words = text.stage.keys;
  const key = (keys: string[], does: string, run: Run): Key => ({ keys, group: words.view, does, run });
  return [
    key(["0"], text.stage.fit, fitView),
    key(["1"], text.stage.whole, () => zoomTo(1)),
    key(["2"], text.stage.wholeResult, () => (scene.peek()?.after ? zoomToResult() : false)),
    key(["+", "="], text.stage.zoomIn, () => zoomStep(true)),
    key(["-", "_"], text.stage.zoomOut, () => zoomStep(false)),
    key(["c"], words.compare, () => {
      if (!scene.peek()?.after) return false;
      setCompare(ORDER[(ORDER.indexOf(compare.peek()) + 1) % ORDER.length] ?? "divider");
      return true;
    }),
    key(["x"], words.peek, () => {
      if (!scene.peek()?.after) return false;
      peeking.value = true;
      return true;
    }),
    key(["u"], text.stage.map, () => {
      overlayMap.value = !overlayMap.peek();
    }),
  ];
}

function maskKeys(keyboard: KeyboardTool, pointers: Pointers): Key[] {
  const words = text.stage.keys;
  const key = (keys: string[], does: string, run: Run): Key => ({
    keys,
    group: words.mask,
    does,
    run: (event) => (masking.peek() ? run(event) : false),
  });
  const place = (keys: string[], does: string, run: () => void): Key => ({
    keys,
    group: words.place,
    does,
    run: () => (placing.peek() ? run() : false),
  });
  const size = (up: boolean) => (): void => {
    brushRadius.value = stepped(brushRadius.peek(), up);
  };
  return [
    ...TOOL_KEYS.map(([keys, name]) =>
      key(keys, text.stage.tool[name], () => {
        keyboard.cancelPoints();
        tool.value = name;
      }),
    ),
    ...PLACE_KEYS.map(([keys, name]) =>
      place(keys, text.stage.tool[name], () => {
        keyboard.cancelPoints();
        placeTool.value = name;
      }),
    ),
    key(["s"], words.sign, () => {
      taking.value = !taking.peek();
    }),
    key(["["], words.smaller, size(false)),
    key(["]"], words.larger, size(true)),
    key(["Ctrl+z"], text.stage.undo, () => {
      if (!keyboard.back() && !pointers.cancel()) model.peek()?.undo();
    }),
    key(["Ctrl+Shift+z", "Ctrl+y"], text.stage.redo, () => model.peek()?.redo()),
    key(["Delete"], text.stage.clear, () => model.peek()?.clear()),
    place(["Ctrl+z"], text.stage.undo, () => {
      if (!keyboard.back() && !pointers.cancel()) undoMark();
    }),
    place(["Delete"], text.stage.clearMarks, clearMarks),
    key(["m"], text.stage.showMask, () => {
      maskShown.value = !maskShown.peek();
    }),
  ];
}

/** Arrows, space, Enter, Escape: panning, or the crosshair of the tool. */
function toolKeys(keyboard: KeyboardTool, pointers: Pointers, cursor: () => void): Key[] {
  const words = text.stage.keys;
  const key = (keys: string[], does: string, run: Run): Key => ({ keys, group: words.hand, does, run });
  const arrow =
    (far: boolean): Run =>
    (event) => {
      const [, dx, dy] = ARROWS.find(([name]) => name === event.key) ?? ["", 0, 0];
      if (keyboard.moves) keyboard.move(dx, dy, far);
      else panBy(-dx * PAN * ratio.peek() * (far ? 4 : 1), -dy * PAN * ratio.peek() * (far ? 4 : 1));
    };
  return [
    key(
      ARROWS.map(([name]) => name),
      words.arrows,
      arrow(false),
    ),
    key(
      ARROWS.map(([name]) => `Shift+${name}`),
      words.far,
      arrow(true),
    ),
    key([" "], words.space, (event) => {
      if (event.repeat) return true;
      if (crosshair.peek() && !pointers.busy) return keyboard.press(" ", event.altKey);
      pointers.spaced = true;
      cursor();
      return true;
    }),
    key(["Enter"], words.enter, () => keyboard.press("Enter", false)),
    key(["Backspace"], words.back, () => keyboard.back()),
    {
      ...key(["Escape"], words.escape, () => {
        const had = bubble.peek() !== null;
        bubble.value = null;
        return pointers.cancel() || keyboard.cancel() || had;
      }),
    },
  ];
}

/** Add the keys of the stage; what is returned takes them away. */
export function addStageKeys(keyboard: KeyboardTool, pointers: Pointers, cursor: () => void): () => void {
  const remove = addKeys([
    ...viewKeys(),
    ...maskKeys(keyboard, pointers),
    ...toolKeys(keyboard, pointers, cursor),
  ]);
  const released = (event: KeyboardEvent): void => {
    if (event.key === "x" || event.key === "X") peeking.value = false;
    if (event.key !== " ") return;
    pointers.spaced = false;
    keyboard.release();
    cursor();
  };
  const left = (): void => {
    peeking.value = false;
    pointers.spaced = false;
    keyboard.release();
  };
  addEventListener("keyup", released);
  addEventListener("blur", left);
  return () => {
    remove();
    removeEventListener("keyup", released);
    removeEventListener("blur", left);
  };
}
