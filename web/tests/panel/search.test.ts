import { expect, it } from "vitest";
import { found, labelOf, rank } from "../../src/panel/search";
import { option, task } from "./catalogue";

const memory = option("max_memory", { help: "Refuse pictures that take more memory than this." });
const tile = option("tile", { help: "Side in pixels; smaller needs less memory." });
const some = task("denoise", [tile, memory]);
some.groups.push({ heading: "How long", options: [option("steps", { type: "integer" })] });

it("finds by name, flag, help and choices", () => {
  expect(rank(memory, "max-mem")).toBe(2);
  expect(rank(memory, "--max-memory")).toBe(2);
  expect(rank(tile, "MEMORY less")).toBe(1);
  expect(rank(tile, "seed")).toBe(0);
  expect(rank(option("precision", { choices: ["auto", "bf16"] }), "bf16")).toBe(1);
});

it("puts those first that fit by their names, and leaves out empty groups", () => {
  const groups = found(some, "memory", {});
  expect(groups.map(({ heading }) => heading)).toEqual(["Often used"]);
  expect(groups[0]?.options.map(({ name }) => name)).toEqual(["max_memory", "tile"]);
});

it("keeps the order of --help without a query", () => {
  expect(found(some, " ", {}).flatMap(({ options }) => options.map(({ name }) => name))).toEqual([
    "tile",
    "max_memory",
    "steps",
  ]);
});

it("shows only what is changed when asked", () => {
  expect(found(some, "", { steps: 4 }, true).map(({ heading }) => heading)).toEqual(["How long"]);
});

it("makes labels of flags", () => {
  expect(labelOf(memory)).toBe("Max memory");
});
