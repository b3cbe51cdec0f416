import { expect, it } from "vitest";
import {
  duration,
  factsOf,
  freshNotes,
  lookWords,
  pagesNote,
  pictureNotes,
  plainNotes,
  seedOf,
  short,
} from "../../src/panel/facts";
import { job, picture } from "./catalogue";

it("writes numbers with few digits", () => {
  expect([0, 0.286, 3.44, 12.7, 100].map(short)).toEqual(["0", "0.29", "3.4", "13", "100"]);
  expect([0.4, 12.2, 130, 7200].map(duration)).toEqual(["0.4 s", "12 s", "2 min", "2 h"]);
});

it("tells the facts that matter in words", () => {
  const facts = {
    noise: "noise sigma 7, shared by neighbours",
    sigma_255: 7.1,
    method: "real",
    width_pixels: 40,
    height_pixels: 30,
  };
  expect(factsOf(job({ facts, seconds: 2.34 }))).toEqual([
    { name: "Noise", value: "Sigma 7" },
    { name: "Method", value: "real" },
    { name: "Size", value: "40 × 30" },
    { name: "Took", value: "2.3 s" },
  ]);
});

it("counts the damage once, with its share", () => {
  const facts = { specks_count: 9, scratches_count: 1, filled_share: 0.0029, hole_share: 0.0029 };
  expect(factsOf(job({ task: "repair", facts }))).toEqual([
    { name: "Found", value: "9 specks and 1 scratch, 0.29 % of the picture" },
  ]);
});

it("leaves the name of the picture out of notes", () => {
  const notes = ["a.png: measured.", "a.png: measured.", "JPEG is rough", "kernel.txt: its sum is 8"];
  expect(plainNotes(job({ notes }))).toEqual(["Measured", "JPEG is rough", "kernel.txt: its sum is 8"]);
});

it("heads a panel with what a look has found", () => {
  const look = job({
    kind: "look",
    facts: { noise: "little noise" },
    notes: ["a.png: little noise: nothing is done"],
  });
  expect(lookWords(look)).toEqual(["Little noise", "Nothing is done"]);
  expect(lookWords(job({ kind: "look", facts: { quality: 40 } }))).toEqual(["JPEG quality: 40"]);
  const damage = { specks_count: 0, scratches_count: 3, filled_share: 0.01 };
  expect(lookWords(job({ kind: "look", facts: damage, notes: ["a.png: 3 scratches"] }))).toEqual([
    "3 scratches, 1 % of the picture",
  ]);
});

it("leaves out notes that say what the facts say", () => {
  const facts = { noise: "noise sigma 7" };
  const notes = [
    "a.png: noise sigma 7: --method real is used",
    "a.png: noise sigma 7: hardly any is left",
    "3 restored (of 3 pictures)",
    "Of the hole, 1 part drawn",
  ];
  expect(freshNotes(job({ facts, notes }))).toEqual(["Hardly any is left"]);
});

it("tells a number once, unless another one was used", () => {
  const measured = ["a.png: noise sigma measured at 0.29 (of 255)"];
  expect(freshNotes(job({ facts: { sigma_255: 0.289 }, notes: measured }))).toEqual([]);
  expect(freshNotes(job({ facts: { sigma_255: 9.9 }, notes: measured }))).toHaveLength(1);
  const read = ["a.png: JPEG of quality 30"];
  expect(freshNotes(job({ facts: { quality: 30 }, notes: read }))).toEqual([]);
  const varied = job({ facts: { strength: 0.3, sigma_255: 157.9 }, notes: ["strength 0.3 is noise"] });
  expect([factsOf(varied), freshNotes(varied)]).toEqual([[], ["Strength 0.3 is noise"]]);
});

it("says that pages were restored which are not shown", () => {
  const note = (pages: unknown) => pagesNote(job({ options: pages === undefined ? {} : { pages } }));
  expect([undefined, "1", "1-3", "2, 1", "-2"].map(note)).toEqual(["", "", "", "", ""]);
  expect(note("2")).toMatch(/^Page 1 is shown.*: page 2$/);
  expect(note("2, 4-")).toMatch(/: pages 2, 4-$/);
  expect(note("12")).toMatch(/: page 12$/);
});

it("knows the seeds of several samples", () => {
  const results = ["a", "b"].map((picture) => ({ picture, name: `${picture}.png`, seed: null }));
  expect(seedOf(job({ results, options: { seed: 7 } }), 1)).toBe(8);
  expect(seedOf(job({ results: results.slice(0, 1) }), 0)).toBe(null);
});

it("tells a doubt once", () => {
  const notes = ["a.png: noise sigma 0.4 does not explain this picture", "written as PNG"];
  const facts = { doubts: ["noise sigma 0.4 does not explain this picture"] };
  expect(freshNotes(job({ facts, notes }))).toEqual(["Written as PNG"]);
});

it("tells what is to be known of a picture, damage first", () => {
  const notes = [
    "the file holds 3 pictures; only the first is shown here; and so on",
    "damaged: a.png: the end is missing",
  ];
  expect(pictureNotes({ ...picture, pages: 3, notes })).toEqual([
    { line: "The end is missing", bad: true },
    { line: expect.stringMatching(/^The file holds 3 pictures\. The first is shown/), bad: false },
  ]);
  expect(pictureNotes(picture)).toEqual([]);
});
