import { describe, expect, it } from "vitest";
import {
  changedOptions,
  inForce,
  isChanged,
  linesOf,
  optionsToSend,
  thrownSeed,
  triOf,
  typed,
  valueOfLines,
  valueOfTri,
  without,
  withValue,
} from "../../src/panel/values";
import { option, task } from "./catalogue";

const grow = option("grow", { type: "integer", default: 0, minimum: 0, maximum: 64 });
const scale = option("scale", { type: "number" });
const words = option("ignore", { multiple: true, default: [] });
const all = task("inpaint", [grow, scale, words]);

describe("what differs from the defaults", () => {
  it("tells a set value from the default and from nothing", () => {
    expect(isChanged(grow, {})).toBe(false);
    expect(isChanged(grow, { grow: 0 })).toBe(false);
    expect(isChanged(grow, { grow: 3 })).toBe(true);
    expect(isChanged(words, { ignore: [] })).toBe(false);
    expect(isChanged(words, { ignore: ["a"] })).toBe(true);
  });

  it("sends only what differs and what the task knows", () => {
    const values = { grow: 0, scale: 2, ignore: ["old/*"], strange: 1 };
    expect(optionsToSend(all, values)).toEqual({ scale: 2, ignore: ["old/*"] });
    expect(changedOptions(all, values).map(({ name }) => name)).toEqual(["scale", "ignore"]);
  });

  it("forgets a value that is set back to its default", () => {
    const set = withValue({}, grow, "grow", 5);
    expect(set).toEqual({ grow: 5 });
    expect(withValue(set, grow, "grow", 0)).toEqual({});
    expect(withValue(set, grow, "grow", null)).toEqual({});
    expect(set).toEqual({ grow: 5 });
    expect(without({ a: 1, b: 2 }, ["a"])).toEqual({ b: 2 });
  });

  it("gives the default where nothing is set", () => {
    expect(inForce(grow, {})).toBe(0);
    expect(inForce(grow, { grow: 7 })).toBe(7);
    expect(inForce(scale, {})).toBe(null);
  });
});

describe("what is typed", () => {
  it("reads numbers, with a point or a comma", () => {
    expect(typed(grow, " 12 ")).toBe(12);
    expect(typed(scale, "1,5")).toBe(1.5);
    expect(typed(scale, "1.5")).toBe(1.5);
    expect(typed(grow, "  ")).toBe(null);
  });

  it("hands on what is no number, for the command line to refuse", () => {
    expect(typed(grow, "many")).toBe("many");
    expect(typed(scale, "1,000,000")).toBe("1,000,000");
    expect(typed(grow, "Infinity")).toBe("Infinity");
  });

  it("keeps text as it is", () => {
    expect(typed(option("label"), "12")).toBe("12");
  });
});

describe("switches, lists and seeds", () => {
  it("has three states", () => {
    expect([null, true, false].map(triOf)).toEqual(["default", "on", "off"]);
    expect((["default", "on", "off"] as const).map(valueOfTri)).toEqual([null, true, false]);
  });

  it("reads a value a line", () => {
    expect(valueOfLines("a\n\n b \n")).toEqual(["a", "b"]);
    expect(linesOf(["a", "b"])).toBe("a\nb");
    expect(linesOf(null)).toBe("");
  });

  it("throws another seed", () => {
    expect(thrownSeed(5, () => 0.5)).toBe(50000);
    expect(thrownSeed(50000, () => 0.5)).toBe(50001);
  });
});
