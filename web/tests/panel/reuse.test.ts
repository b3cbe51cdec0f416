import { beforeEach, describe, expect, it } from "vitest";
import { job, picture } from "../shell/stubs";
import { option, task as taskOf } from "./catalogue";

const { reuse, usesOptionsOf } = await import("../../src/panel/reuse");
const { choosePicture, chooseTask, failure, options, optionsOf, setOptions, show, task, tellFailure } =
  await import("../../src/store/choice");
const { jobs, pictures, tasks } = await import("../../src/store/data");
const { maskOf } = await import("../../src/store/mask");

beforeEach(() => {
  const whole = { type: "integer", default: 0 } as const;
  tasks.value = [
    taskOf("inpaint", [option("grow", whole), option("feather", whole)]),
    taskOf("denoise", [option("strength", { type: "number", default: 1 })]),
  ];
  pictures.value = new Map([["a", picture("a")]]);
  choosePicture("a");
  chooseTask("denoise");
  setOptions("a", "denoise", {});
});

describe("the options of a job", () => {
  it("are set again, with its task", () => {
    const made = job("1", "a", { options: { strength: 0.4 }, status: "done" });
    expect(usesOptionsOf(made)).toBe(false);
    chooseTask("inpaint");
    reuse(made);
    expect(task.value?.name).toBe("denoise");
    expect(options.value).toEqual({ strength: 0.4 });
    expect(usesOptionsOf(made)).toBe(true);
  });

  it("set how the mask is widened where they are of a fill", () => {
    reuse(job("1", "a", { task: "inpaint", options: { grow: 3 }, status: "done" }));
    expect(task.value?.name).toBe("inpaint");
    expect(optionsOf("a", "inpaint")).toEqual({ grow: 3 });
    expect(maskOf("a")).toMatchObject({ grow: 3, feather: 0 });
  });
});

describe("a failed job", () => {
  it("is told once it is chosen, until something else is shown", () => {
    jobs.value = new Map([
      ["1", job("1", "a", { status: "failed", error: "a.png: no" })],
      ["2", job("2", "a", { status: "done", created: 2 })],
    ]);
    expect(failure.value).toBeNull();
    tellFailure("a", "1");
    expect(failure.value?.id).toBe("1");
    show("a", null);
    expect(failure.value).toBeNull();
    tellFailure("a", "2");
    expect(failure.value).toBeNull();
  });
});
