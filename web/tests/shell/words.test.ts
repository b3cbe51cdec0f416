import { describe, expect, it } from "vitest";
import { job } from "./stubs";

const { errorOf } = await import("../../src/api/client");
const { tokenOf } = await import("../../src/shell/gate");
const { nameOf } = await import("../../src/store/keys");
const { pasted } = await import("../../src/store/dropped");
const { picturesAmong, refusal } = await import("../../src/store/uploads");
const { doingOf } = await import("../../src/text/doing");
const { besideName, shortError, withoutName } = await import("../../src/text/notes");
const { duration, fileSize, text } = await import("../../src/text/en");

const limits = { file_bytes: 1000, pixels: 1e6, pictures: 2, queue: 5 };

describe("files", () => {
  it("are refused before they are sent", () => {
    const check = (name: string, size: number, there = 0) =>
      refusal({ name, size }, limits, [".png", ".tif"], there);
    expect(check("Photo.PNG", 10)).toBeNull();
    expect(check("notes.txt", 10)).toContain("PNG, TIFF");
    expect(check("png", 10)).toContain("another kind");
    expect(check("photo.png", 1001)).toContain("at most 1 kB");
    expect(check("photo.png", 10, 2)).toContain("at most 2 pictures");
  });

  it("of a folder are its pictures in the order of their names", () => {
    const files = ["10.png", "2.png", ".hidden.png", "read.me"].map((name) => new File([], name));
    expect(picturesAmong(files, [".png"]).map(({ name }) => name)).toEqual(["2.png", "10.png"]);
  });

  it("that were pasted without a name get one", () => {
    const files = [new File([], "image.png"), new File([], "scan.png")];
    const names = pasted({ files } as unknown as DataTransfer, "pasted").map(({ name }) => name);
    expect(names[0]).toMatch(/^pasted-\d{6}\.png$/);
    expect(names[1]).toBe("scan.png");
  });
});

describe("errors", () => {
  it("have the server's words, or those of their status", () => {
    const told = errorOf(422, '{"error": {"message": "too large", "option": "sigma"}}');
    expect([told.message, told.option]).toEqual(["too large", "sigma"]);
    expect(errorOf(502, "<html>").message).toBe("");
    expect(text.errors.status(507)).toContain("disk");
    expect(text.errors.status(502)).toContain("502");
  });
});

describe("tokens", () => {
  it("are found in an address, or alone", () => {
    expect(tokenOf("http://127.0.0.1:8765/?token=abc_DEF-1")).toBe("abc_DEF-1");
    expect(tokenOf("  MLr4Qh6WowBfzfGHzdz0 ")).toBe("MLr4Qh6WowBfzfGHzdz0");
    expect(tokenOf("http://127.0.0.1:8765/")).toBeNull();
  });
});

describe("words", () => {
  it("say times and sizes in whole units", () => {
    expect([0.2, 8.4, 89, 200, 7500].map(duration)).toEqual([
      "less than 1 s",
      "8 s",
      "89 s",
      "3 min",
      "2 h 5 min",
    ]);
    expect([12, 34_567, 1_234_567, 3.2e9].map(fileSize)).toEqual(["12 B", "35 kB", "1.2 MB", "3.2 GB"]);
    expect(text.table.title(1)).toBe("1 picture");
    expect(text.table.title(1200)).toBe("1,200 pictures");
  });
});

describe("keys", () => {
  const key = (name: string, more = {}) =>
    nameOf({ key: name, ctrlKey: false, metaKey: false, shiftKey: false, ...more });
  it("are named as the sheet lists them", () => {
    expect(key("B")).toBe("b");
    expect(key("?", { shiftKey: true })).toBe("?");
    expect(key("z", { metaKey: true })).toBe("Ctrl+z");
    expect(key("Z", { ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+z");
    expect(key("ArrowLeft", { shiftKey: true })).toBe("Shift+ArrowLeft");
  });
});

describe("the name of a picture", () => {
  it("is left out where it stands beside", () => {
    const failed = { error: "a.jpg: expected a picture", picture_name: "a.jpg" };
    expect(shortError(failed)).toBe("expected a picture");
    expect(shortError({ error: null, picture_name: "a.jpg" })).toBe("");
    expect(withoutName("a.tif, page 2: little noise", ["a.tif"])).toBe("page 2: little noise");
    expect(besideName("a.jpg: expected one. Then more.", "a.jpg")).toBe("Expected one. Then more.");
    expect(besideName("--sigma: no.", "a.jpg")).toBe("--sigma: no.");
    expect(withoutName("b.jpg: other", ["a.jpg"])).toBe("b.jpg: other");
  });
});

describe("what a job does", () => {
  const at = (doing: string) => ({ share: 0, step: 0, steps: 0, doing, seconds_left: null, line: doing });
  it("is told in words, also before its first step", () => {
    expect(doingOf(job("1", "a"), "Fill")).toBe("Starting");
    expect(doingOf(job("1", "a", { progress: at("loading the network") }), "Fill")).toBe(
      "Loading the network",
    );
    expect(doingOf(job("1", "a", { progress: at("restoring") }), "Fill")).toBe("Fill");
    expect(doingOf(job("1", "a", { progress: at("") }), "Fill")).toBe("Fill");
  });
});
