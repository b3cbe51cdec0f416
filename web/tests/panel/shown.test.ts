import { expect, it } from "vitest";
import { stepOf, stepped as steppedNumber } from "../../src/panel/controls/numbers";
import { hiddenChanges, panelOptions, startValues, visibleOptions } from "../../src/panel/shown";
import { option, task } from "./catalogue";

const drawn = [
  option("estimate", { default: "sample" }),
  option("samples", { default: 1 }),
  option("seed", { default: 0 }),
];
const inpaint = task("inpaint", [option("grow", { default: 0 }), ...drawn, option("steps")]);
const upscale = task("upscale", [option("scale"), option("width"), option("max_side"), ...drawn]);
const deblur = task("deblur", [option("kernel"), option("sigma")]);

it("shows samples and seed only where something is drawn", () => {
  expect(visibleOptions(inpaint, {})).toEqual(["grow", "estimate", "samples", "seed"]);
  expect(visibleOptions(inpaint, { estimate: "mean" })).toEqual(["grow", "estimate"]);
});

it("shows one way of telling a size", () => {
  expect(visibleOptions(upscale, { max_side: 900 })).toEqual(["max_side", "estimate"]);
});

it("starts with what a command must be told", () => {
  expect(startValues(upscale, { seed: 1 })).toEqual({ seed: 1, scale: 2 });
  const sized = { width: 900 };
  expect(startValues(upscale, sized)).toBe(sized);
  expect(startValues(deblur, {})).toEqual({ kernel: "gaussian:1.5" });
  expect(startValues(deblur, { kernel: "" })).toEqual({ kernel: "" });
});

it("counts what is changed and not on the panel", () => {
  expect(hiddenChanges(inpaint, ["grow", "steps"])).toBe(1);
});

it("shows the first options of a task that it does not know", () => {
  const other = task(
    "other",
    ["a", "b", "c", "d", "e"].map((name) => option(name)),
  );
  expect(panelOptions(other)).toEqual(["a", "b", "c", "d"]);
});

it("steps numbers within their range, without dust", () => {
  const range = { minimum: 0, maximum: 1 };
  expect(stepOf(range, false)).toBe(0.05);
  expect(steppedNumber(0.1, 0.2, range)).toBe(0.3);
  expect(steppedNumber(0.95, 0.1, range)).toBe(1);
});
