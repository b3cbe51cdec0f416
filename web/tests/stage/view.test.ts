import { describe, expect, it } from "vitest";
import { around, between, fromLine, intersection, outward } from "../../src/stage/geometry";
import * as views from "../../src/stage/view";

const picture = { width: 6000, height: 4000 };
const pane = { width: 1200, height: 900 };

describe("geometry", () => {
  it("finds what rectangles share, and nothing where they only touch", () => {
    const a = { x: 0, y: 0, width: 10, height: 10 };
    expect(intersection(a, { x: 4, y: -2, width: 20, height: 5 })).toEqual({
      x: 4,
      y: 0,
      width: 6,
      height: 3,
    });
    expect(intersection(a, { x: 10, y: 0, width: 5, height: 5 })).toBeNull();
  });
  it("spans corners in any order, and whole pixels", () => {
    expect(between({ x: 5, y: 1 }, { x: 2, y: 9 })).toEqual({ x: 2, y: 1, width: 3, height: 8 });
    expect(outward({ x: 0.5, y: -0.5, width: 1, height: 1 })).toEqual({ x: 0, y: -1, width: 2, height: 2 });
    expect(around([3, 4, -1, 8])).toEqual({ x: -1, y: 4, width: 4, height: 4 });
    expect(around([])).toBeNull();
  });
  it("measures from a segment, not from its line", () => {
    expect(fromLine({ x: 5, y: 3 }, { x: 0, y: 0 }, { x: 10, y: 0 })).toBe(3);
    expect(fromLine({ x: 13, y: 4 }, { x: 0, y: 0 }, { x: 10, y: 0 })).toBe(5);
  });
});

describe("views", () => {
  it("fits a picture, and enlarges a small one by whole numbers", () => {
    expect(views.wholeView(picture, pane)).toEqual({ scale: 0.2, x: 3000, y: 2000 });
    expect(views.wholeView({ width: 10, height: 10 }, pane).scale).toBe(8);
    const sizes = [
      [pane.width, 1],
      [300, 1],
      [170, 3],
      [64, 8],
    ] as const;
    for (const [width, scale] of sizes) expect(views.fitScale({ width, height: 10 }, pane)).toBe(scale);
    expect(views.fitScale(picture, { ...pane, insetX: 150, insetY: 50 })).toBe(0.15);
  });
  it("keeps the point under the pointer while zooming", () => {
    const at = { x: 300, y: 500 };
    let view = views.zoomedAt(views.wholeView(picture, pane), at, 0.5, picture, pane);
    const before = views.toPicture(at, view, pane);
    view = views.zoomedAt(view, at, 3.7, picture, pane);
    const after = views.toPicture(at, view, pane);
    // The corner lies on whole pixels of the screen.
    expect(Math.abs(after.x - before.x)).toBeLessThan(1 / 0.5);
    expect(Math.abs(after.y - before.y)).toBeLessThan(1 / 0.5);
  });
  it("puts the corner on whole pixels", () => {
    const o = views.origin({ scale: 1, x: 1234.4, y: 777.7 }, pane);
    expect([o.x, o.y].every(Number.isInteger)).toBe(true);
  });
  it("goes from the screen to the picture and back", () => {
    const view = { scale: 0.37, x: 2000, y: 1500 };
    const p = views.toPicture(views.toScreen({ x: 123.25, y: 456.5 }, view, pane), view, pane);
    expect(p.x).toBeCloseTo(123.25, 9);
    expect(p.y).toBeCloseTo(456.5, 9);
  });
  it("does not lose the picture", () => {
    const far = views.panned({ scale: 1, x: 3000, y: 2000 }, 1e6, -1e6, picture, pane);
    expect(far.x).toBe(600 - 300);
    expect(far.y).toBe(4000 - 450 + 225);
    expect(views.held({ scale: 0.2, x: 0, y: 0 }, picture, pane)).toEqual({ scale: 0.2, x: 3000, y: 2000 });
    expect(views.held({ scale: 1e9, x: 0, y: 0 }, picture, pane).scale).toBe(64);
  });
  it("lets what bars cover be moved out from under them", () => {
    const covered = { ...pane, insetY: 60 };
    const view = { scale: 900 / 4000, x: 3000, y: 2000 };
    const up = views.panned(view, 0, -1000, picture, covered);
    expect(views.toScreen({ x: 0, y: 4000 }, up, covered).y).toBeLessThanOrEqual(900 - 60);
  });
  it("steps through the usual scales and that of the whole picture", () => {
    expect(views.nextStop(0.2, true, 0.2)).toBe(0.25);
    expect(views.nextStop(0.25, false, 0.2)).toBe(0.2);
    expect(views.nextStop(1, true, 0.2)).toBe(1.5);
    expect(views.nextStop(0.99999, true, 0.2)).toBe(1.5);
    expect(views.nextStop(64, true, 0.2)).toBe(64);
  });
  it("moves no farther than it must to show a point", () => {
    const view = { scale: 1, x: 3000, y: 2000 };
    expect(views.showing(view, { x: 3100, y: 2100 }, picture, pane)).toBe(view);
    const moved = views.showing(view, { x: 3590, y: 2000 }, picture, pane);
    expect(views.toScreen({ x: 3590, y: 2000 }, moved, pane).x).toBe(1200 - 48);
  });
  it("tells scales", () => {
    expect([0.5, 1 / 3, 0.0625, 0.421, 8].map(views.percent)).toEqual([
      "50 %",
      "33 %",
      "6.3 %",
      "42 %",
      "800 %",
    ]);
  });
});
