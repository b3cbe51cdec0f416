import { describe, expect, it } from "vitest";
import { drawPicture, onScreen, type Placed, scaleOf, seenOf } from "../../src/stage/painter";
import { Gone, TileStore } from "../../src/stage/tile_store";
import * as tiles from "../../src/stage/tiles";
import { origin } from "../../src/stage/view";

const picture = { id: "p", width: 6000, height: 4000, tile: 512, levels: 5 };
const whole = { x: 0, y: 0, width: 6000, height: 4000 };

describe("tiles", () => {
  it("takes the level that is not enlarged on the screen", () => {
    expect([2, 1, 0.99, 0.51, 0.5, 0.26, 0.25, 0.001].map((s) => tiles.levelFor(picture, s))).toEqual([
      0, 0, 0, 0, 1, 1, 2, 4,
    ]);
  });
  it("rounds sizes up, and the last tiles are smaller", () => {
    expect(tiles.levelSize({ ...picture, width: 6001 }, 3)).toEqual({ width: 751, height: 500 });
    expect(tiles.tileCounts(picture, 0)).toEqual({ columns: 12, rows: 8 });
    expect(tiles.tileRect(picture, { level: 1, column: 5, row: 3 })).toEqual({
      x: 5120,
      y: 3072,
      width: 880,
      height: 928,
    });
  });
  it("finds the tiles in view, the middle ones first, none twice", () => {
    const found = tiles.tilesIn(picture, 0, { x: 500, y: 500, width: 1100, height: 600 });
    expect(found).toHaveLength(4 * 3);
    expect(found[0]).toEqual({ level: 0, column: 2, row: 1 });
    expect(new Set(found.map((t) => tiles.keyOf("p", t))).size).toBe(found.length);
  });
  it("leaves out tiles that are only touched, and what is beside the picture", () => {
    expect(tiles.tilesIn(picture, 0, { x: 512, y: 0, width: 512, height: 512 })).toEqual([
      { level: 0, column: 1, row: 0 },
    ]);
    expect(tiles.tilesIn(picture, 0, { x: -900, y: 0, width: 800, height: 512 })).toEqual([]);
    expect(tiles.tilesIn(picture, 4, whole)).toHaveLength(1);
  });
  it("covers every pixel in view once", () => {
    const part = { x: 777, y: 333, width: 3001, height: 2222 };
    for (const level of [0, 1, 2, 3]) {
      const area = tiles
        .tilesIn(picture, level, part)
        .map((t) => tiles.tileRect(picture, t))
        .map(
          (r) =>
            Math.max(0, Math.min(r.x + r.width, 3778) - Math.max(r.x, 777)) *
            Math.max(0, Math.min(r.y + r.height, 2555) - Math.max(r.y, 333)),
        )
        .reduce((a, b) => a + b, 0);
      expect(area).toBe(3001 * 2222);
    }
  });
  it("knows coarser and finer tiles", () => {
    expect(tiles.coarser({ level: 0, column: 11, row: 7 }, 3)).toEqual({ level: 3, column: 1, row: 0 });
    expect(tiles.finer(picture, { level: 1, column: 5, row: 3 })).toHaveLength(4);
    expect(tiles.finer({ ...picture, width: 5500 }, { level: 1, column: 5, row: 3 })).toHaveLength(2);
  });
  it("wants the coarsest first, then what is seen, then what is near", () => {
    const { seen, soon } = tiles.needed(picture, { x: 2000, y: 1500, width: 1000, height: 800 }, 1);
    expect(seen[0]?.level).toBe(4);
    expect(seen.slice(1).every((t) => t.level === 0)).toBe(true);
    expect(soon.some((t) => t.level === 1)).toBe(true);
    const keys = [...seen, ...soon].map((t) => tiles.keyOf("p", t));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("placing", () => {
  const pane = { width: 1000, height: 700 };
  it("lays neighbours edge to edge at every scale", () => {
    const placed: Placed = { source: picture, box: whole, alpha: false };
    for (const scale of [0.13, 0.3331, 0.77, 1, 1.37, 5.3]) {
      const view = { scale, x: 2345.6, y: 1234.5 };
      const o = origin(view, pane);
      const rect = (column: number, row: number) =>
        onScreen(placed, tiles.tileRect(picture, { level: 0, column, row }), view, o);
      for (let i = 0; i < 10; i++) {
        expect(rect(i, 2).x + rect(i, 2).width).toBe(rect(i + 1, 2).x);
        if (i < 6) expect(rect(3, i).y + rect(3, i).height).toBe(rect(3, i + 1).y);
      }
    }
  });
  it("registers a result of another size to the picture", () => {
    const large = { id: "r", width: 24000, height: 16000, tile: 512, levels: 7 };
    const view = { scale: 0.5, x: 3000, y: 2000 };
    const [a, b]: Placed[] = [
      { source: picture, box: whole, alpha: false },
      { source: large, box: whole, alpha: false },
    ];
    if (!a || !b) throw new Error();
    expect(scaleOf(b, view)).toBe(0.125);
    expect(seenOf(b, view, pane).x).toBeCloseTo(4 * seenOf(a, view, pane).x);
    const o = origin(view, pane);
    const part = { x: 100, y: 60, width: 50, height: 40 };
    const times4 = { x: 400, y: 240, width: 200, height: 160 };
    expect(onScreen(b, times4, view, o)).toEqual(onScreen(a, part, view, o));
  });
  it("lays a preview over its box", () => {
    const preview = { id: "v", width: 768, height: 768, tile: 512, levels: 2 };
    const placed: Placed = {
      source: preview,
      box: { x: 1000, y: 500, width: 768, height: 768 },
      alpha: false,
    };
    const view = { scale: 1, x: 1000, y: 500 };
    expect(onScreen(placed, { x: 0, y: 0, width: 768, height: 768 }, view, origin(view, pane))).toEqual({
      x: 500,
      y: 350,
      width: 768,
      height: 768,
    });
  });
  it("draws coarser tiles until finer ones are there", () => {
    const drawn: number[][] = [];
    const ctx = { drawImage: (_: unknown, ...numbers: number[]) => drawn.push(numbers) };
    const coarse = { width: 512, height: 512 };
    const store = { get: (_: unknown, t: tiles.Tile) => (t.level === 2 ? coarse : undefined) };
    const placed: Placed = { source: picture, box: whole, alpha: false };
    const view = { scale: 1, x: 256, y: 256 };
    const told = drawPicture(ctx as never, placed, store as never, view, { width: 512, height: 512 });
    expect(told).toEqual({ complete: false, covered: true });
    expect(drawn).toEqual([[0, 0, 128, 128, 0, 0, 512, 512]]);
  });
});

describe("the store", () => {
  const later = () => new Promise((resolve) => setTimeout(resolve, 0));
  const tile = (column: number) => ({ level: 0, column, row: 0 });
  const want = (columns: number[], soon: number[] = []) => [
    { source: picture, needed: { seen: columns.map(tile), soon: soon.map(tile) } },
  ];
  const bitmap = () => ({
    width: 10,
    height: 10,
    closed: false,
    close() {
      this.closed = true;
    },
  });

  it("drops the least recently used, not what is seen", async () => {
    const store = new TileStore(
      async () => bitmap(),
      () => {},
      1000,
    );
    store.want(want([0, 1]));
    await later();
    const first = store.get(picture, tile(0));
    store.want(want([0, 2]));
    await later();
    expect(store.get(picture, tile(0))).toBe(first);
    expect(store.get(picture, tile(1))).toBeUndefined();
    expect(store.bytes).toBe(800);
    for (const column of [3, 4]) {
      store.want(want([column]));
      await later();
    }
    expect(store.get(picture, tile(2))).toBeUndefined();
    expect(first?.closed).toBe(true);
  });
  it("loads four at once in the order wanted, and gives up what is not wanted any more", async () => {
    const asked: number[] = [];
    const stopped: number[] = [];
    const store = new TileStore(
      ({ tile: t }, signal) =>
        new Promise<ReturnType<typeof bitmap>>((_, reject) => {
          asked.push(t.column);
          signal.addEventListener("abort", () => {
            stopped.push(t.column);
            reject(new Error());
          });
        }),
      () => {},
      1e6,
    );
    store.want(want([0, 1, 2], [3, 4, 5]));
    expect(asked).toEqual([0, 1, 2, 3]);
    store.want(want([2, 9]));
    await later();
    expect(stopped).toEqual([0, 1, 3]);
    expect(asked).toEqual([0, 1, 2, 3, 9]);
    store.close();
  });
  it("does not ask again for what is not there", async () => {
    let asked = 0;
    const store = new TileStore(
      async () => {
        asked++;
        throw new Gone();
      },
      () => {},
      1e6,
    );
    for (let i = 0; i < 3; i++) {
      store.want(want([0]));
      await later();
    }
    expect(asked).toBe(1);
    store.retry();
    store.want(want([0]));
    await later();
    expect(asked).toBe(2);
  });
});
