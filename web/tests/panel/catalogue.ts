import type { Job, Option, Picture, Task } from "../../src/api/types";

export function option(name: string, more: Partial<Option> = {}): Option {
  return {
    name,
    flag: `--${name.replaceAll("_", "-")}`,
    no_flag: null,
    type: "text",
    default: null,
    minimum: null,
    maximum: null,
    choices: null,
    multiple: false,
    help: "",
    metavar: null,
    accepts: null,
    ...more,
  };
}

export function task(name: string, options: Option[]): Task {
  const groups = [{ heading: "Often used", options }];
  return { name, title: name, summary: "", help: "", examples: [], needs: null, groups };
}

export const picture: Picture = {
  id: "picture00001",
  name: "a.png",
  bytes: 1,
  format: "png",
  width: 4000,
  height: 3000,
  bits: 8,
  gray: false,
  alpha: false,
  pages: 1,
  kind: "input",
  job: null,
  tile: 512,
  levels: 4,
  notes: [],
  created: 0,
};

export function job(more: Partial<Job> = {}): Job {
  return {
    id: "job000000001",
    kind: "restore",
    task: "denoise",
    picture: picture.id,
    picture_name: "a.png",
    options: {},
    command: "restore denoise a.png",
    status: "done",
    place: 0,
    progress: null,
    notes: [],
    error: null,
    option: null,
    results: [],
    map: null,
    region: null,
    facts: {},
    box: null,
    batch: null,
    created: 0,
    seconds: null,
    ...more,
  };
}
