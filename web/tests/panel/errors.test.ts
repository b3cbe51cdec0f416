import { expect, it } from "vitest";
import { told } from "../../src/panel/errors";
import { option, task } from "./catalogue";

const some = task("denoise", [option("strength"), option("seed")]);

it("tells an error beside its field where that is seen", () => {
  const { errorOf, rest } = told(some, [null, { message: "too large", option: "strength" }], ["strength"]);
  expect(errorOf("strength")).toBe("too large");
  expect(errorOf("seed")).toBe(null);
  expect(rest).toBe(null);
});

it("tells at the button what has no field that is seen, the first only", () => {
  const wrongs = [
    { message: "bad seed", option: "seed" },
    { message: "no picture", option: "picture" },
  ];
  expect(told(some, wrongs, ["strength"]).rest).toEqual({ message: "bad seed", option: "seed" });
  expect(told(some, wrongs.slice(1), ["strength"]).rest).toEqual({ message: "no picture", option: null });
});
