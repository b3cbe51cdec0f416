/** The JSON API of `restore serve`, as /api/openapi.json documents it. Times are seconds, sizes pixels. */

export interface Limits {
  file_bytes: number;
  pixels: number;
  pictures: number;
  queue: number;
}

export interface Session {
  version: string;
  device: string;
  limits: Limits;
  /** The extensions of the files that can be read here: ".png", ... */
  extensions: string[];
  pictures: Picture[];
  jobs: Job[];
  /** The number of the newest event: those after it are asked for by `since`. */
  event: number;
}

export type PictureKind = "input" | "result" | "map" | "preview";

export interface Picture {
  id: string;
  name: string;
  bytes: number;
  format: string;
  width: number;
  height: number;
  bits: 8 | 16 | 32;
  gray: boolean;
  alpha: boolean;
  pages: number;
  kind: PictureKind;
  /** The job that made it. */
  job: string | null;
  /** Tiles have `tile` pixels a side; level 0 is full size, level k is reduced 2**k times, sizes rounded up. */
  tile: number;
  levels: number;
  notes: string[];
  created: number;
}

export type Stroke =
  | { kind: "brush"; erase: boolean; radius: number; points: number[] }
  | { kind: "lasso"; erase: boolean; points: number[] }
  | { kind: "box"; erase: boolean; x: number; y: number; width: number; height: number }
  | { kind: "region"; erase: boolean; region: string };

export interface Strokes {
  strokes: Stroke[];
  grow: number;
  feather: number;
  /** Told by the server: counts the changes, and where the regions of the strokes lie. */
  version?: number;
  regions?: Region[];
}

export interface Region {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
  area: number;
  words: string;
  /** Of an uploaded mask: what there is to say of its file. */
  notes?: string[];
}

export interface Progress {
  share: number;
  step: number;
  steps: number;
  doing: string;
  seconds_left: number | null;
  line: string;
}

export type JobKind = "restore" | "preview" | "look";
export type JobStatus = "queued" | "running" | "done" | "unchanged" | "damaged" | "failed" | "cancelled";
export type Options = Record<string, unknown>;

export interface Job {
  id: string;
  kind: JobKind;
  task: string;
  picture: string;
  picture_name: string;
  options: Options;
  /** The command line that does the same, for copying. */
  command: string;
  status: JobStatus;
  /** The place in the queue; 0 is running or finished. */
  place: number;
  progress: Progress | null;
  notes: string[];
  error: string | null;
  option: string | null;
  results: Result[];
  /** The picture of --uncertainty. */
  map: string | null;
  region: Region | null;
  facts: Record<string, unknown>;
  box: Box | null;
  batch: string | null;
  created: number;
  seconds: number | null;
}

export interface Result {
  picture: string;
  name: string;
  seed: number | null;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Task {
  name: string;
  title: string;
  summary: string;
  help: string;
  examples: string[];
  needs: "mask" | "place" | null;
  groups: Group[];
}

export interface Group {
  heading: string;
  options: Option[];
}

export type OptionType = "boolean" | "integer" | "number" | "choice" | "text" | "file";

export interface Option {
  name: string;
  flag: string;
  no_flag: string | null;
  type: OptionType;
  default: unknown;
  minimum: number | null;
  maximum: number | null;
  /** Whether `minimum` itself is refused. */
  exclusive_minimum?: boolean;
  choices: string[] | null;
  multiple: boolean;
  help: string;
  metavar: string | null;
  /** For files: the value is the id of a picture or of an asset. */
  accepts: "mask" | "picture" | "any" | null;
}

export interface JobRequest {
  task: string;
  picture: string;
  options?: Options;
  strokes?: Stroke[];
  kind?: JobKind;
  box?: Box;
  batch?: string;
}

export interface Asset {
  id: string;
  name: string;
  bytes: number;
}

/** What the server-sent events carry. */
export interface Events {
  job: Job;
  picture: Picture;
  strokes: { picture: string; version: number };
  removed: { kind: "picture" | "job"; id: string };
  /** The places of the jobs that wait, by their ids. */
  places: { places: Record<string, number> };
  reset: Record<string, never>;
}
