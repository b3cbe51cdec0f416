/** Where tools meet the mask of the chosen picture and the canvas. */

import type { Picture, Stroke } from "../api/types";
import { brushRadius } from "../store/stage";
import type { Engine } from "./engine";
import { addBox, addPoint, placing } from "./marks";
import { model } from "./mask";
import { activeTool, maskShown, painting, pressure, scene, taking, view } from "./state";
import type { ToolContext } from "./tools";

/** What a tool works on from now on; null without a picture. `erase` turns adding and taking away around. */
export function toolContext(engine: Engine, erase: boolean, pen: boolean): ToolContext | null {
  const of = scene.peek()?.picture;
  const mask = model.peek();
  const scale = view.peek()?.scale;
  const tool = activeTool.peek();
  if (of && scale && placing.peek()) {
    painting.value = true;
    return placeContext(of, scale);
  }
  if (!of || !mask || !scale) return null;
  maskShown.value = true;
  painting.value = true;
  engine.ready();
  return {
    picture: of,
    scale,
    radius: brushRadius.peek(),
    erase: erase !== (tool === "eraser" || (tool !== "brush" && taking.peek())),
    pressed: pen && pressure.peek(),
    segment(points, radius, taken) {
      engine.mask.segment(points, radius, taken);
      engine.schedule();
    },
    add(strokes: Stroke[], drawn: boolean) {
      if (drawn) engine.mask.adopt([...mask.strokes.peek(), ...strokes]);
      mask.add(...strokes);
    },
    addRegion: (region, taken) => mask.addRegion(region, taken),
    redraw: () => engine.redrawMask(),
  };
}

/** What boxes and points work on where they are no mask but options. */
function placeContext(of: Picture, scale: number): ToolContext {
  return {
    picture: of,
    scale,
    radius: 0,
    erase: false,
    pressed: false,
    segment() {},
    add(strokes) {
      for (const stroke of strokes) if (stroke.kind === "box") addBox(of.id, stroke);
    },
    addRegion: (region, _, at) => addPoint(of.id, at, region),
    redraw() {},
  };
}
