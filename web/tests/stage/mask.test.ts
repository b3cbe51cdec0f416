import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Stroke, Strokes } from "../../src/api/types";

const server = vi.hoisted(() => ({
  kept: { strokes: [], grow: 0, feather: 0 } as Strokes,
  puts: 0,
  version: 0,
}));

vi.mock("../../src/api/client", async (original) => ({
  ...(await original<typeof import("../../src/api/client")>()),
  api: {
    strokes: async () => ({ ...server.kept, version: server.version }),
    keepStrokes: async (_: string, strokes: Strokes) => {
      server.kept = JSON.parse(JSON.stringify(strokes)) as Strokes;
      server.puts++;
      server.version++;
      return { json: async () => ({ version: server.version }) };
    },
  },
}));

const { MaskModel } = await import("../../src/stage/mask");
const { maskOf, setMask } = await import("../../src/store/mask");

const dot = (x: number): Stroke => ({ kind: "brush", erase: false, radius: 3, points: [x, 0] });
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);
let number = 0;

async function opened(kept: Stroke[] = []) {
  Object.assign(server, { kept: { strokes: kept, grow: 0, feather: 0 }, puts: 0, version: 7 });
  const model = new MaskModel(`p${++number}`);
  await wait(1);
  return model;
}

describe("the mask of a picture", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  it("loads what is kept, without a step to undo, and sends nothing back", async () => {
    const model = await opened([dot(1)]);
    expect(model.ready.value).toBe(true);
    expect(model.strokes.value).toEqual([dot(1)]);
    expect(model.canUndo.value).toBe(false);
    await wait(5000);
    expect(server.puts).toBe(0);
  });
  it("keeps several changes by one request", async () => {
    const model = await opened();
    model.add(dot(1));
    model.add(dot(2), dot(3));
    expect(model.saved.value).toBe(false);
    await wait(500);
    expect(server.puts).toBe(1);
    expect(server.kept.strokes).toEqual([dot(1), dot(2), dot(3)]);
    expect(model.saved.value).toBe(true);
  });
  it("undoes and redoes strokes, clearing, and what the panel set", async () => {
    const model = await opened();
    model.add(dot(1));
    model.addRegion({ id: "r", x: 0, y: 0, width: 5, height: 5, area: 9, words: "" });
    model.clear();
    expect(model.strokes.value).toEqual([]);
    model.undo();
    expect(model.strokes.value).toHaveLength(2);
    expect(model.regions.value.get("r")?.area).toBe(9);
    setMask(model.id, { strokes: [dot(9)] });
    expect(model.strokes.value).toEqual([dot(9)]);
    model.undo();
    expect(maskOf(model.id).strokes).toHaveLength(2);
    model.redo();
    expect(maskOf(model.id).strokes).toEqual([dot(9)]);
  });
  it("keeps grow and feather that the panel sets", async () => {
    const model = await opened();
    setMask(model.id, { grow: 4 });
    await wait(500);
    expect(server.kept.grow).toBe(4);
    expect(model.canUndo.value).toBe(false);
  });
  it("takes what another tab kept, which can be undone, but not over what waits here", async () => {
    const model = await opened([dot(1)]);
    server.kept = { ...server.kept, strokes: [dot(2)] };
    await model.other(8);
    expect(model.strokes.value).toEqual([dot(2)]);
    model.undo();
    expect(model.strokes.value).toEqual([dot(1)]);
    server.kept = { ...server.kept, strokes: [dot(3)] };
    await model.other(9);
    expect(model.strokes.value).toEqual([dot(1)]);
    await wait(500);
    expect(server.kept.strokes).toEqual([dot(1)]);
  });
  it("paints early strokes over those that come from the server later", async () => {
    Object.assign(server, { kept: { strokes: [dot(1)], grow: 0, feather: 0 }, puts: 0 });
    const model = new MaskModel(`p${++number}`);
    model.add(dot(2));
    await wait(1000);
    expect(model.strokes.value).toEqual([dot(1), dot(2)]);
    expect(server.kept.strokes).toEqual([dot(1), dot(2)]);
  });
  it("sends what waits when the page goes away", async () => {
    const model = await opened();
    model.add(dot(1));
    void model.flush(true);
    await wait(0);
    expect(server.puts).toBe(1);
  });
});
