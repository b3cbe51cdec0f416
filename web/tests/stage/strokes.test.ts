import { describe, expect, it, vi } from "vitest";
import { autosave } from "../../src/stage/autosave";
import { radiusOf, sliderOf, stepped } from "../../src/stage/brush_size";
import { ramp } from "../../src/stage/colours";
import { shareWords } from "../../src/stage/describe";
import { steps } from "../../src/stage/dilation";
import { fromLine } from "../../src/stage/geometry";
import { begun, changed, redone, undone } from "../../src/stage/history";
import { spanned } from "../../src/stage/keyboard_tool";
import { radiusFor, Trail } from "../../src/stage/sample_points";
import { extent, isDot, isEmpty, settled, thinned } from "../../src/stage/stroke";
import { boxOf } from "../../src/stage/tools";
import { WheelReader } from "../../src/stage/wheel";

const none = new Map();

describe("history", () => {
  it("undoes and redoes, and forgets what was undone once something else is done", () => {
    let h = begun<number[]>([]);
    h = changed(changed(h, [1]), [1, 2]);
    h = undone(h);
    expect(h.now).toEqual([1]);
    expect(redone(h).now).toEqual([1, 2]);
    h = changed(h, [1, 3]);
    expect(h.future).toEqual([]);
    expect(undone(undone(undone(h))).now).toEqual([]);
    expect(redone(h)).toBe(h);
  });
  it("does not count what changes nothing, and is bounded", () => {
    let h = begun(0);
    expect(changed(h, 0)).toBe(h);
    for (let i = 1; i <= 900; i++) h = changed(h, i);
    expect(h.past).toHaveLength(500);
  });
});

describe("strokes", () => {
  const brush = { kind: "brush", erase: false, radius: 5, points: [10, 10, 30, 10] } as const;
  const line = { ...brush, points: [...brush.points] };
  it("knows how far it reaches", () => {
    expect(extent(line, none)).toEqual({ x: 5, y: 5, width: 30, height: 10 });
    expect(extent({ kind: "region", erase: false, region: "r" }, none)).toBeNull();
  });
  it("is thinned without moving", () => {
    const points = Array.from({ length: 200 }, (_, i) => [i, Math.sin(i / 20) * 30]).flat();
    const fewer = thinned(points, 0.2);
    expect(fewer.length).toBeLessThan(points.length / 4);
    expect(fewer.slice(0, 2)).toEqual(points.slice(0, 2));
    expect(fewer.slice(-2)).toEqual(points.slice(-2));
    const at = (of: readonly number[], i: number) => ({ x: of[2 * i] ?? 0, y: of[2 * i + 1] ?? 0 });
    for (let i = 0; i < 200; i++) {
      const pieces = Array.from({ length: fewer.length / 2 - 1 }, (_, k) =>
        fromLine(at(points, i), at(fewer, k), at(fewer, k + 1)),
      );
      expect(Math.min(...pieces)).toBeLessThan(0.2001);
    }
  });
  it("is short as it is kept", () => {
    const stroke = settled({ ...line, points: [1.23456, 2, 2, 2.00001, 3, 2, 9, 9] }, 1);
    expect(stroke).toEqual({ ...line, points: [1.23, 2, 3, 2, 9, 9] });
  });
  it("knows dots and masks without anything", () => {
    expect(isDot({ ...line, points: [3, 4, 3, 4] })).toBe(true);
    expect(isDot(line)).toBe(false);
    expect(isEmpty([{ ...line, erase: true }])).toBe(true);
  });
  it("grows by pressure in parts that meet", () => {
    const trail = new Trail(20, true, 0.5);
    expect(trail.add([{ x: 0, y: 0, pressure: 0.25 }])).toEqual([{ radius: 8.75, points: [0, 0] }]);
    expect(trail.add([{ x: 0.1, y: 0, pressure: 0.25 }])).toEqual([]);
    const lines = trail.add([
      { x: 5, y: 0, pressure: 0.25 },
      { x: 10, y: 0, pressure: 0.25 },
      { x: 20, y: 0, pressure: 1 },
    ]);
    expect(lines).toEqual([
      { radius: 8.75, points: [0, 0, 5, 0, 10, 0] },
      { radius: 20, points: [10, 0, 20, 0] },
    ]);
    expect(trail.parts.map((p) => p.points)).toEqual([
      [0, 0, 5, 0, 10, 0],
      [10, 0, 20, 0],
    ]);
    expect(trail.parts[1]?.radius).toBe(20);
    expect(radiusFor(20, null)).toBe(20);
    expect(radiusFor(20, 0)).toBe(5);
  });
  it("makes boxes of whole pixels within the picture", () => {
    const picture = { width: 100, height: 50 };
    expect(boxOf(picture, { x: 90.4, y: 60 }, { x: 120, y: 10.6 })).toEqual({
      x: 90,
      y: 11,
      width: 10,
      height: 39,
    });
    expect(spanned({ x: 3.5, y: 3.5 }, { x: 3.5, y: 5.5 })).toEqual({ x: 3, y: 3, width: 1, height: 3 });
  });
});

describe("sizes and colours", () => {
  it("steps the brush up and down again", () => {
    for (const radius of [0.5, 1, 7, 24, 300]) expect(stepped(radius, true)).toBeGreaterThan(radius);
    for (const radius of [1, 7, 24, 300]) expect(stepped(radius, false)).toBeLessThan(radius);
    expect(stepped(2000, true)).toBe(2000);
    expect(stepped(0.5, false)).toBe(0.5);
    expect(radiusOf(sliderOf(24))).toBeCloseTo(24, -1);
  });
  it("has a ramp whose lightness rises", () => {
    const light = Array.from({ length: 11 }, (_, i) => ramp(i / 10)).map(
      ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b,
    );
    for (let i = 1; i < light.length; i++) expect(light[i] ?? 0).toBeGreaterThan(light[i - 1] ?? 0);
    expect(ramp(0)).toEqual([71, 1, 85]);
  });
  it("widens by no more than its radius, without holes", () => {
    for (const radius of [0.5, 1, 3, 17, 200]) {
      const far = steps(radius).map((s) => Math.hypot(s[0]?.dx ?? 0, s[0]?.dy ?? 0));
      const sum = far.reduce((a, b) => a + b, 0);
      expect(sum).toBeGreaterThan(radius - 0.3);
      expect(sum).toBeLessThanOrEqual(radius + 1e-9);
      far.reduce((reached, d) => {
        expect(d).toBeLessThanOrEqual(Math.max(1, 1.5 * reached));
        return reached + d;
      }, 0);
    }
    expect(steps(0)).toEqual([]);
  });
  it("tells shares", () => {
    expect([0, 0.0004, 0.012, 0.123, 1].map(shareWords)).toEqual([
      "0 %",
      "less than 0.1 %",
      "1.2 %",
      "12 %",
      "100 %",
    ]);
  });
});

describe("the wheel", () => {
  const turn = { deltaX: 0, deltaY: 0, deltaMode: 0, ctrlKey: false, shiftKey: false, timeStamp: 0 };
  it("zooms for a mouse, pans for a trackpad, pinches for both", () => {
    expect(new WheelReader().read({ ...turn, deltaY: -120 })).toMatchObject({ kind: "zoom" });
    expect(new WheelReader().read({ ...turn, deltaY: 3, deltaMode: 1, timeStamp: 9 })).toMatchObject({
      kind: "zoom",
    });
    expect(new WheelReader().read({ ...turn, deltaY: -4.5 })).toEqual({ kind: "pan", dx: -0, dy: 4.5 });
    expect(new WheelReader().read({ ...turn, deltaY: -5, ctrlKey: true })).toMatchObject({ kind: "zoom" });
    expect(new WheelReader().read({ ...turn, deltaY: 100, shiftKey: true })).toEqual({
      kind: "pan",
      dx: -100,
      dy: 0,
    });
  });
  it("stays with what a gesture began as", () => {
    const reader = new WheelReader();
    reader.read({ ...turn, deltaY: 2 });
    expect(reader.read({ ...turn, deltaY: 90, timeStamp: 100 }).kind).toBe("pan");
    expect(reader.read({ ...turn, deltaY: 100, timeStamp: 1000 }).kind).toBe("zoom");
  });
});

describe("keeping", () => {
  it("sends the newest once, and what changed meanwhile after it", async () => {
    vi.useFakeTimers();
    let value = 0;
    const sent: number[] = [];
    const states: boolean[] = [];
    const k = autosave(
      async () => {
        sent.push(value);
      },
      (waiting) => states.push(waiting),
      100,
    );
    for (value = 1; value < 4; value++) k.touch();
    value = 3;
    await vi.advanceTimersByTimeAsync(150);
    expect(sent).toEqual([3]);
    expect(states.at(-1)).toBe(false);
    await k.flush();
    expect(sent).toEqual([3]);
    vi.useRealTimers();
  });
  it("tries again what failed, and tells of it", async () => {
    vi.useFakeTimers();
    let broken = true;
    let told: unknown = null;
    let count = 0;
    const k = autosave(
      async () => {
        count++;
        if (broken) throw new Error("lost");
      },
      (_, error) => {
        told = error;
      },
      10,
    );
    k.touch();
    await vi.advanceTimersByTimeAsync(20);
    expect(String(told)).toContain("lost");
    expect(k.waiting).toBe(true);
    broken = false;
    await vi.advanceTimersByTimeAsync(2100);
    expect([count, k.waiting, told]).toEqual([2, false, null]);
    vi.useRealTimers();
  });
});
