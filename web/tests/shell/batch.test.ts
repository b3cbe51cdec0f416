import { beforeEach, describe, expect, it, vi } from "vitest";
import type { JobRequest, Option, Strokes, Task } from "../../src/api/types";
import { job, picture } from "./stubs";

const { api } = await import("../../src/api/client");
const batch = await import("../../src/store/batch");
const choice = await import("../../src/store/choice");
const data = await import("../../src/store/data");
const own = await import("../../src/store/own");

const option = (name: string, accepts: Option["accepts"] = null) => ({ name, accepts }) as Option;
const task = (name: string, needs: Task["needs"], options: Option[]): Task => ({
  ...{ name, title: name, summary: "", help: "", examples: [], needs },
  groups: [{ heading: "", options }],
});
const asked: JobRequest[] = [];
const masks = new Map<string, Strokes>();

vi.spyOn(api, "start").mockImplementation(async (request) => {
  asked.push(request);
  return job(`${asked.length}`, request.picture);
});
vi.spyOn(api, "strokes").mockImplementation(
  async (of) => masks.get(of) ?? { strokes: [], grow: 0, feather: 0 },
);

beforeEach(() => {
  data.tasks.value = [
    task("inpaint", "mask", [option("steps"), option("source", "mask"), option("invert_mask")]),
    task("erase", "place", [option("at"), option("box"), option("grow")]),
    task("denoise", null, [option("sigma"), option("pages"), option("uncertainty")]),
  ];
  data.pictures.value = new Map(
    ["a", "b", "c"].map((id, index) => [id, picture(id, { created: index, pages: id === "c" ? 3 : 1 })]),
  );
  data.jobs.value = new Map();
  for (const id of ["a", "b", "c"]) for (const { name } of data.tasks.value) choice.setOptions(id, name, {});
  batch.chooseAll(true);
  choice.choosePicture("a");
  asked.length = 0;
  masks.clear();
});

describe("a batch", () => {
  it("erases only where something is marked, at each picture's own places", async () => {
    choice.chooseTask("erase");
    expect(batch.batchMissing.value).toMatch(/^Nothing is marked/);
    choice.setOptions("a", "erase", { at: ["3,4"], grow: 2 });
    choice.setOptions("c", "erase", { box: ["1,2,3,4"], grow: 9 });
    expect(batch.batchMissing.value).toBe("");
    expect(batch.leftOutWords.value).toBe("1 picture in which nothing is marked is left out.");
    await batch.startBatch();
    expect(asked.map(({ picture: of, options }) => [of, options])).toEqual([
      ["a", { at: ["3,4"], grow: 2 }],
      ["c", { box: ["1,2,3,4"], grow: 2 }],
    ]);
  });

  it("fills only what has a mask, and learns which that are", async () => {
    choice.chooseTask("inpaint");
    choice.setOptions("a", "inpaint", { steps: 7, source: "file", invert_mask: true });
    const stroke = { kind: "box" as const, erase: false, x: 0, y: 0, width: 5, height: 5 };
    masks.set("a", { strokes: [{ ...stroke, erase: true }], grow: 1, feather: 0 });
    masks.set("b", { strokes: [stroke], grow: 2, feather: 3 });
    expect(batch.ready.value.length).toBe(3); // nothing is known of their masks yet
    await batch.startBatch();
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ picture: "b", strokes: [stroke] });
    expect(asked[0]?.options).toEqual({ steps: 7, grow: 2, feather: 3 });
    expect(batch.ready.value.map(({ id }) => id)).toEqual(["b"]);
    expect(batch.leftOutWords.value).toBe("2 pictures without a mask are left out.");
    expect(batch.refused.value.size).toBe(0);
  });

  it("keeps pages to their file, and makes no map of several", async () => {
    choice.chooseTask("denoise");
    choice.setOptions("a", "denoise", { sigma: 5, pages: "1", uncertainty: true });
    expect(batch.leftOutWords.value).toBe(
      "The map of uncertainty is left out for 1 file of several pictures.",
    );
    await batch.startBatch();
    expect(asked.map(({ options }) => options)).toEqual([
      { sigma: 5, pages: "1", uncertainty: true },
      { sigma: 5, uncertainty: true },
      { sigma: 5 },
    ]);
    choice.setOptions("c", "denoise", { pages: "2" });
    expect(batch.leftOutWords.value).toBe("");
  });

  it("tells of each picture what was found for its newest task", () => {
    const noted = { notes: ["a.png: sigma 7"], status: "done" as const };
    data.jobs.value = new Map([["1", job("1", "a", { ...noted, created: 1 })]]);
    expect(batch.foundIn.value.get("a")).toBe("sigma 7");
    const next = job("2", "a", { task: "vary", status: "cancelled", created: 2 });
    data.jobs.value = new Map(data.jobs.value).set("2", next);
    expect(batch.foundIn.value.has("a")).toBe(false);
  });

  it("offers what pictures share", () => {
    const [fill] = data.tasks.value;
    const shared = fill && own.sharedTask(fill);
    expect(shared?.groups[0]?.options.map(({ name }) => name)).toEqual(["steps"]);
    expect(fill && own.sharedTask(fill)).toBe(shared);
  });
});
