import { randomBytes } from "node:crypto";
import type { Events, Job, Picture, Region, Strokes } from "../src/api/types";
import { encodePng, type Raster, reduced } from "./raster.ts";

export const TILE = 512;

export interface Stored {
  picture: Picture;
  file: Buffer;
  raster: Raster;
  /** The raster reduced 2**k times, made when it is first asked for. */
  levels: Map<number, Raster>;
  strokes: Strokes;
  version: number;
  regions: Map<string, Region>;
}

export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly option: string | null = null,
  ) {
    super(message);
  }
}

type Listener = (line: string) => void;

/** A session in memory. */
export class State {
  readonly pictures = new Map<string, Stored>();
  readonly jobs = new Map<string, Job>();
  readonly listeners = new Set<Listener>();
  private sent: { id: number; line: string }[] = [];
  private last = 0;

  /** The number of the newest event. */
  get event(): number {
    return this.last;
  }

  id(): string {
    return randomBytes(9).toString("base64url");
  }

  now(): number {
    return Date.now() / 1000;
  }

  emit<K extends keyof Events>(event: K, data: Events[K]): void {
    const id = ++this.last;
    const line = `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.sent = [...this.sent.slice(-999), { id, line }];
    for (const listener of this.listeners) listener(line);
  }

  /** The events after `id`, or `reset` where they are not kept. */
  after(id: number): string[] {
    const first = this.sent[0]?.id ?? this.last + 1;
    if (id > this.last || id < first - 1) return [`id: ${this.last}\nevent: reset\ndata: {}\n\n`];
    return this.sent.filter((event) => event.id > id).map(({ line }) => line);
  }

  add(raster: Raster, given: Partial<Picture> & { name: string }, file?: Buffer): Stored {
    const bytes = file ?? encodePng(raster);
    const levels = 1 + Math.max(0, Math.ceil(Math.log2(Math.max(raster.width, raster.height) / TILE)));
    const picture: Picture = {
      id: this.id(),
      bytes: bytes.length,
      format: "png",
      width: raster.width,
      height: raster.height,
      bits: 8,
      gray: raster.channels < 3,
      alpha: raster.channels % 2 === 0,
      pages: 1,
      kind: "input",
      job: null,
      tile: TILE,
      levels,
      notes: [],
      created: this.now(),
      ...given,
    };
    const stored: Stored = {
      picture,
      file: bytes,
      raster,
      levels: new Map([[0, raster]]),
      strokes: { strokes: [], grow: 0, feather: 0 },
      version: 0,
      regions: new Map(),
    };
    this.pictures.set(picture.id, stored);
    this.emit("picture", picture);
    return stored;
  }

  level(stored: Stored, level: number): Raster {
    const there = stored.levels.get(level);
    if (there) return there;
    const made = reduced(this.level(stored, level - 1), 1);
    stored.levels.set(level, made);
    return made;
  }

  stored(id: string): Stored {
    const found = this.pictures.get(id);
    if (!found) throw new Failure(404, `there is no picture ${id}`);
    return found;
  }

  job(id: string): Job {
    const found = this.jobs.get(id);
    if (!found) throw new Failure(404, `there is no job ${id}`);
    return found;
  }

  change(job: Job, change: Partial<Job>): void {
    Object.assign(job, change);
    this.emit("job", job);
  }

  remove(kind: "picture" | "job", id: string): void {
    if (kind === "picture") this.pictures.delete(id);
    else this.jobs.delete(id);
    this.emit("removed", { kind, id });
  }
}
