import { describe, expect, it } from "vitest";
import type { Region, Stroke } from "../../src/api/types";
import {
  fillRequest,
  hasHole,
  isEdited,
  lookRequest,
  previewBox,
  previewRequest,
  repairRequest,
  stable,
} from "../../src/panel/requests";
import { option, picture, task } from "./catalogue";

const whole = (name: string, fallback: number | null) => option(name, { type: "integer", default: fallback });
const inpaint = task("inpaint", [
  option("mask", { type: "file" }),
  whole("grow", 0),
  whole("feather", 0),
  whole("seed", 0),
]);
const repair = task("repair", [
  option("sensitivity", { default: "normal" }),
  whole("grow", 1),
  whole("seed", 0),
]);
const line: Stroke = { kind: "brush", erase: false, radius: 4, points: [1, 1, 5, 5] };
const rub: Stroke = { ...line, erase: true };
const found: Region = { id: "region000001", x: 0, y: 0, width: 9, height: 9, area: 30, words: "3 scratches" };
const marks: Stroke = { kind: "region", erase: false, region: found.id };
const mask = (...strokes: Stroke[]) => ({ strokes, grow: 0, feather: 0 });

describe("fill", () => {
  it("sends the strokes with how they are widened", () => {
    const request = fillRequest(inpaint, picture, { seed: 3 }, { ...mask(line), grow: 2, feather: 0 });
    expect(request).toEqual({
      task: "inpaint",
      picture: picture.id,
      options: { grow: 2, seed: 3 },
      strokes: [line],
    });
  });

  it("sends no strokes where none adds", () => {
    expect(fillRequest(inpaint, picture, {}, mask(rub)).strokes).toBeUndefined();
    expect(hasHole(mask(rub))).toBe(false);
    expect(hasHole(mask(rub, line))).toBe(true);
  });
});

describe("repair", () => {
  const tasks = { repair, inpaint };

  it("runs repair while the marks are as they were found", () => {
    const request = repairRequest(tasks, picture, { sensitivity: "high" }, mask(marks), found);
    expect(request).toEqual({ task: "repair", picture: picture.id, options: { sensitivity: "high" } });
    expect(repairRequest(tasks, picture, {}, mask(), found).task).toBe("repair");
  });

  it("fills the marks by inpaint once they were edited, without widening them again", () => {
    const values = { sensitivity: "high", grow: 3, seed: 5 };
    const request = repairRequest(tasks, picture, values, { ...mask(marks, rub), grow: 7 }, found);
    expect(request).toEqual({
      task: "inpaint",
      picture: picture.id,
      options: { seed: 5 },
      strokes: [marks, rub],
    });
  });

  it("knows when marks are edited", () => {
    expect(isEdited(mask(marks), found)).toBe(false);
    expect(isEdited(mask(marks, line), found)).toBe(true);
    expect(isEdited(mask(line), null)).toBe(true);
    expect(isEdited(mask(), null)).toBe(false);
  });
});

describe("previews", () => {
  it("takes the middle of the view, within the picture and the limit", () => {
    expect(previewBox({ x: 0, y: 0, width: 4000, height: 3000 }, picture)).toEqual({
      x: 1616,
      y: 1116,
      width: 768,
      height: 768,
    });
    expect(previewBox({ x: -50.5, y: 2900.2, width: 200, height: 300 }, picture)).toEqual({
      x: 0,
      y: 2900,
      width: 150,
      height: 100,
    });
    expect(previewBox({ x: 5000, y: 0, width: 10, height: 10 }, picture)).toBe(null);
  });

  it("asks for a part of the picture with the same options", () => {
    const request = previewRequest(repair, picture, { seed: 2 }, { x: 0, y: 0, width: 10, height: 10 });
    expect(request).toMatchObject({
      kind: "preview",
      options: { seed: 2 },
      box: { x: 0, y: 0, width: 10, height: 10 },
    });
  });
});

it("looks with the options that say how the file is read", () => {
  const denoise = task("denoise", [
    option("specks", { type: "boolean", default: false }),
    option("allow_damaged", { type: "boolean", default: false }),
    option("strength", { type: "number", default: 1 }),
  ]);
  const values = { specks: true, allow_damaged: true, strength: 0.5 };
  expect(lookRequest(denoise, picture, values, []).options).toEqual({ allow_damaged: true });
});

it("compares requests whatever the order of their keys", () => {
  const one = { task: "a", picture: "b", options: { c: 1, d: [2] } };
  expect(stable(one)).toBe(stable({ options: { d: [2], c: 1 }, picture: "b", task: "a" }));
  expect(stable(one)).not.toBe(stable({ ...one, options: { c: 2, d: [2] } }));
});
