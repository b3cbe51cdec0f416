import { beforeEach, expect, it } from "vitest";
import {
  addBox,
  addPoint,
  canUndoMark,
  clearMarks,
  marks,
  marksOf,
  reachOf,
  undoMark,
} from "../../src/stage/marks";
import { chooseTask, options, setOptions } from "../../src/store/choice";
import { pictures, tasks } from "../../src/store/data";
import { picture, task } from "../panel/catalogue";

const region = { id: "r", x: 30, y: 40, width: 5, height: 6, area: 20, words: "" };

beforeEach(() => {
  pictures.value = new Map([[picture.id, picture]]);
  tasks.value = [task("denoise", []), task("erase", [])];
  chooseTask("erase");
  clearMarks();
});

it("reads places in pixels and per cent, and leaves out what it cannot read", () => {
  const of = { width: 200, height: 100 };
  expect(marksOf({ box: ["1,2,3,4", "10%,20%,5%,50%", "here"], at: ["5,6", "5"] }, of)).toEqual({
    boxes: [
      { x: 1, y: 2, width: 3, height: 4 },
      { x: 20, y: 20, width: 10, height: 50 },
    ],
    points: [{ x: 5, y: 6 }],
  });
});

it("keeps what is marked as options of the task, once, and takes it back", () => {
  setOptions(picture.id, "erase", { grow: 3 });
  addBox(picture.id, { x: 1, y: 2, width: 3, height: 4 });
  addPoint(picture.id, { x: 32, y: 43 }, region);
  addPoint(picture.id, { x: 32, y: 43 }, region);
  expect(options.value).toEqual({ grow: 3, box: ["1,2,3,4"], at: ["32,43"] });
  expect(marks.value?.points).toEqual([{ x: 32, y: 43 }]);
  expect(reachOf(picture.id, { x: 32, y: 43 })).toEqual({ x: 30, y: 40, width: 5, height: 6 });
  setOptions(picture.id, "erase", { ...options.value, grow: 4 });
  undoMark();
  expect(options.value).toEqual({ grow: 4, box: ["1,2,3,4"] });
  clearMarks();
  expect(options.value).toEqual({ grow: 4 });
  undoMark();
  expect(options.value).toEqual({ grow: 4, box: ["1,2,3,4"] });
  expect(canUndoMark.value).toBe(true);
});

it("marks nothing in other tasks", () => {
  addBox(picture.id, { x: 1, y: 2, width: 3, height: 4 });
  chooseTask("denoise");
  expect(marks.value).toBeNull();
});
