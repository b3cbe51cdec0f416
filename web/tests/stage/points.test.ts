import { expect, it } from "vitest";
import "../shell/stubs";

const { pointWords } = await import("../../src/stage/tools");
const { text } = await import("../../src/text/en");

it("tells what is wrong with a point without the words of the command line", () => {
  const said =
    "a b.jpg: --at 300,280: no small object there stands out from what is around it; pass --box X,Y,W,H around it";
  expect(pointWords(said, "a b.jpg")).toBe(
    "No small object there stands out from what is around it. Paint over it, or draw a lasso or a box around it.",
  );
  expect(pointWords(said, "a b.jpg", text.stage.boxIt)).toMatch(/around it\. Draw a box around it\.$/);
  expect(pointWords("The server is busy; try again in a moment.", "a b.jpg")).toBe(
    "The server is busy; try again in a moment.",
  );
});
