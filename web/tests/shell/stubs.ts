import { vi } from "vitest";
import type { Job, Picture } from "../../src/api/types";

// What modules of the page touch when they are loaded, and Node has not.
vi.stubGlobal("matchMedia", () => ({ matches: true, addEventListener: () => {} }));

export function picture(id: string, more: Partial<Picture> = {}): Picture {
  return {
    ...{ id, name: `${id}.png`, bytes: 1000, format: "png", width: 600, height: 400, bits: 8, gray: false },
    ...{ alpha: false, pages: 1, kind: "input", job: null, tile: 512, levels: 2, notes: [], created: 1 },
    ...more,
  } as Picture;
}

export function job(id: string, of: string, more: Partial<Job> = {}): Job {
  return {
    ...{ id, kind: "restore", task: "denoise", picture: of, picture_name: `${of}.png`, options: {} },
    ...{ command: "", status: "queued", place: 1, progress: null, notes: [], error: null, option: null },
    ...{ results: [], map: null, region: null, facts: {}, box: null, batch: null, created: 1, seconds: null },
    ...more,
  } as Job;
}
