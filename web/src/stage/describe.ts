/** The stage in words, for those who do not see it. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { text } from "../text/en";
import { model } from "./mask";
import { crosshair, masking, maskShare, mode, scene, single, view } from "./state";
import { percent } from "./view";

/** A share in words: "1.2 %", "less than 0.1 %", "0 %". */
export function shareWords(share: number): string {
  const value = share * 100;
  if (value === 0) return "0 %";
  if (value < 0.1) return text.stage.lessThan("0.1 %");
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} %`;
}

export const description: ReadonlySignal<string> = computed(() => {
  const of = scene.value;
  const now = view.value;
  if (!of || !now) return "";
  const words = text.stage;
  const parts = [words.zoomIs(percent(now.scale))];
  if (of.after) parts.push(words.shown[single.value ?? (mode.value === "side" ? "side" : "divider")]);
  if (masking.value) {
    const painted = (model.value?.strokes.value.length ?? 0) > 0;
    parts.push(painted && maskShare.value > 0 ? words.maskOf(shareWords(maskShare.value)) : words.noMask);
  }
  const at = crosshair.value;
  if (at) parts.push(words.crosshairAt(Math.floor(at.x), Math.floor(at.y)));
  return parts.join(" ");
});
