import { expect, it } from "vitest";
import { factorOf, givenBy, resultSize, sizeBy } from "../../src/panel/sizes";

const picture = { width: 300, height: 200 };

it("tells by what the size is given", () => {
  expect(sizeBy({})).toBe("scale");
  expect(sizeBy({ max_side: 900 })).toBe("max_side");
});

it("computes the size of the result", () => {
  expect(resultSize(picture, { scale: 1.5 })).toEqual({ width: 450, height: 300 });
  expect(resultSize(picture, { width: 1000 })).toEqual({ width: 1000, height: 667 });
  expect(resultSize(picture, { height: 301 })).toEqual({ width: 452, height: 301 });
  expect(resultSize(picture, { max_side: 600 })).toEqual({ width: 600, height: 400 });
  expect(factorOf(picture, { width: 900 })).toBe(3);
});

it("gives none for what cannot be", () => {
  expect(resultSize(picture, {})).toBe(null);
  expect(resultSize(picture, { scale: 9 })).toBe(null);
  expect(resultSize(picture, { width: 200 })).toBe(null);
  expect(resultSize(picture, { scale: "two" })).toBe(null);
});

it("keeps the size when it is given otherwise", () => {
  expect(givenBy("width", picture, { scale: 2 })).toBe(600);
  expect(givenBy("max_side", picture, { height: 400 })).toBe(600);
  expect(givenBy("scale", picture, { width: 500 })).toBe(1.67);
});
