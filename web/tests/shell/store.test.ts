import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Job } from "../../src/api/types";
import { job, picture } from "./stubs";

const data = await import("../../src/store/data");
const choice = await import("../../src/store/choice");
const batch = await import("../../src/store/batch");
const history = await import("../../src/store/history");
const { api } = await import("../../src/api/client");
const { keepJob, removeResult } = await import("../../src/store/actions");
const { receive } = await import("../../src/store/sync");

const task = (name: string) => ({
  name,
  title: name,
  summary: "",
  help: "",
  examples: [],
  needs: null,
  groups: [],
});

beforeEach(() => {
  data.pictures.value = new Map();
  data.jobs.value = new Map();
  data.tasks.value = [task("inpaint"), task("denoise")];
  batch.chooseAll(true);
  batch.refused.value = new Map();
});

describe("events", () => {
  it("keep what the server tells, and let go of what it removed", () => {
    receive("picture", picture("a"));
    receive("job", job("1", "a"));
    receive("job", job("1", "a", { status: "running", place: 0 }));
    expect(data.inputs.value.map(({ id }) => id)).toEqual(["a"]);
    expect(data.queue.value.map(({ status }) => status)).toEqual(["running"]);
    receive("removed", { kind: "job", id: "1" });
    receive("removed", { kind: "picture", id: "a" });
    expect(data.inputs.value).toEqual([]);
    expect(data.jobList.value).toEqual([]);
  });

  it("put the queue in the order of its places, without looks", () => {
    receive("job", job("1", "a", { place: 2, created: 1 }));
    receive("job", job("2", "a", { place: 1, created: 2, kind: "preview" }));
    receive("job", job("3", "a", { place: 3, created: 3, kind: "look" }));
    expect(data.queue.value.map(({ id }) => id)).toEqual(["2", "1"]);
  });
});

describe("answers", () => {
  it("set nothing back that an event has told before", () => {
    receive("job", job("1", "a", { status: "cancelled" }));
    keepJob(job("1", "a", { status: "running" }));
    expect(data.jobs.value.get("1")?.status).toBe("cancelled");
    receive("job", job("2", "a", { status: "running", place: 0 }));
    keepJob(job("2", "a", { status: "queued" }));
    expect(data.jobs.value.get("2")?.status).toBe("running");
    keepJob(job("2", "a", { status: "cancelled" }));
    expect(data.jobs.value.get("2")?.status).toBe("cancelled");
    keepJob(job("3", "a"));
    expect(data.jobs.value.get("3")?.status).toBe("queued");
  });
});

describe("the choice", () => {
  it("falls to the first picture where the chosen one is gone", () => {
    for (const id of ["a", "b"]) receive("picture", picture(id, { created: id === "a" ? 1 : 2 }));
    choice.choosePicture("b");
    expect(choice.picture.value?.id).toBe("b");
    receive("removed", { kind: "picture", id: "b" });
    expect(choice.picture.value?.id).toBe("a");
  });

  it("shows the newest result until another is chosen, or the original", () => {
    receive("picture", picture("a"));
    for (const [index, id] of ["r", "s"].entries()) {
      receive("picture", picture(id, { kind: "result", job: `${index}`, created: 5 + index }));
      const results = [{ picture: id, name: id, seed: null }];
      receive("job", job(`${index}`, "a", { status: "done", results, created: 2 + index }));
    }
    expect(choice.shown.value?.id).toBe("s");
    expect(choice.shownJob.value?.id).toBe("1");
    history.stepResult(-1);
    expect(choice.shown.value?.id).toBe("r");
    history.stepResult(-1);
    expect(choice.shown.value).toBeNull();
    history.stepResult(-1);
    history.stepResult(1);
    expect(choice.shown.value?.id).toBe("r");
    receive("removed", { kind: "picture", id: "r" });
    expect(choice.shown.value?.id).toBe("s");
  });

  it("keeps options for each picture and task", () => {
    for (const id of ["a", "b"]) receive("picture", picture(id));
    choice.choosePicture("a");
    choice.chooseTask("denoise");
    choice.setOptions("a", "denoise", { sigma: 12 });
    choice.chooseTask("inpaint");
    expect(choice.options.value).toEqual({});
    choice.chooseTask("denoise");
    expect(choice.options.value).toEqual({ sigma: 12 });
    choice.choosePicture("b");
    expect(choice.options.value).toEqual({});
  });
});

describe("the batch", () => {
  it("counts the newest job of each picture", () => {
    for (const id of ["a", "b", "c"]) receive("picture", picture(id));
    receive("job", job("1", "a", { status: "failed", created: 1 }));
    receive("job", job("2", "a", { status: "unchanged", created: 2 }));
    receive("job", job("3", "b", { status: "running" }));
    receive("job", job("4", "c", { status: "queued" }));
    batch.refused.value = new Map([["c", "no mask"]]);
    expect(batch.counts.value).toEqual({ done: 1, running: 1, waiting: 0, failed: 1 });
  });

  it("offers the results of jobs that ended, and what was found", () => {
    receive("picture", picture("a"));
    const results = [{ picture: "r", name: "r", seed: null }];
    receive("job", job("1", "a", { kind: "look", status: "done", notes: ["a.png: sigma 5"], created: 1 }));
    receive("job", job("2", "a", { status: "done", results, created: 2 }));
    expect(batch.downloadable.value).toEqual(["2"]);
    expect(batch.foundIn.value.get("a")).toBe("sigma 5");
    batch.choose("a", false);
    expect(batch.chosen.value).toEqual([]);
  });
});

describe("the queue", () => {
  it("takes places in one event, of jobs that are known and wait", () => {
    receive("job", job("1", "a", { place: 3 }));
    receive("job", job("2", "a", { place: 4 }));
    receive("job", job("3", "a", { status: "running", place: 0 }));
    receive("places", { places: { "1": 2, "2": 1, "3": 5, "4": 7 } });
    const places = [...data.jobs.value.values()].map(({ id, place }) => [id, place]);
    expect(places).toEqual([
      ["1", 2],
      ["2", 1],
      ["3", 0],
    ]);
  });

  it("says how many restorations are ahead, whatever the page looks at meanwhile", () => {
    receive("job", job("0", "a", { status: "running", place: 0 }));
    receive("job", job("1", "a", { place: 1, kind: "preview" }));
    receive("job", job("2", "a", { place: 2, kind: "look" }));
    receive("job", job("3", "a", { place: 3 }));
    receive("job", job("4", "b", { place: 4 }));
    const ahead = ["3", "4"].map((id) => data.ahead(data.jobs.value.get(id) as Job));
    expect(ahead).toEqual([0, 1]);
  });
});

describe("results", () => {
  it("are deleted one by one, and the job with the last of them", async () => {
    const [removed, forgotten] = [vi.spyOn(api, "removePicture"), vi.spyOn(api, "forget")];
    removed.mockImplementation(async (id) => {
      receive("removed", { kind: "picture", id });
      return new Response();
    });
    forgotten.mockResolvedValue(new Response());
    receive("picture", picture("a"));
    for (const id of ["r", "s", "t"]) receive("picture", picture(id, { kind: "result", job: "1" }));
    const results = ["r", "s", "t"].map((id) => ({ picture: id, name: id, seed: null }));
    receive("job", job("1", "a", { status: "done", results }));
    const made = data.jobs.value.get("1") as Job;
    choice.show("a", "s");
    await removeResult(made, "s");
    expect(choice.shown.value?.id).toBe("t");
    await removeResult(made, "r");
    expect(removed.mock.calls).toEqual([["s"], ["r"]]);
    expect(data.resultsOf(made).map(({ id }) => id)).toEqual(["t"]);
    expect(forgotten).not.toHaveBeenCalled();
    await removeResult(made, "t");
    expect(forgotten).toHaveBeenCalledWith("1");
  });
});
