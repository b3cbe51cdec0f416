import { expect, it } from "vitest";
import { kernelText, readKernel } from "../../src/panel/kernels";

it.each(["gaussian:1.5", "motion:9:45", "disc:3", "asset0000001"])("reads what it writes: %s", (words) => {
  const kernel = readKernel(words);
  expect(kernel).not.toBe(null);
  if (kernel) expect(kernelText(kernel)).toBe(words);
});

it("reads no kernel from what is none", () => {
  expect(readKernel(null)).toBe(null);
  expect(readKernel("")).toBe(null);
  expect(readKernel("gaussian:wide")).toBe(null);
  expect(readKernel("motion:9")).toEqual({ kind: "motion", length: 9, angle: 0 });
});
