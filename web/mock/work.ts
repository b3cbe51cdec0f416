import type { Job, JobRequest } from "../src/api/types";
import { cropped, type Raster } from "./raster.ts";
import { calmed, ellipse, scene } from "./scene.ts";
import { Failure, type State, type Stored } from "./state.ts";

const EXTENSIONS: Record<string, string> = {
  inpaint: "filled",
  denoise: "denoised",
  upscale: "x2",
  deblur: "sharpened",
};

export function command(task: string, name: string, options: Record<string, unknown>, mask: boolean): string {
  const quoted = (word: string) => (/^[\w./,+-]+$/.test(word) ? word : `'${word}'`);
  const words = ["restore", task, quoted(name)];
  if (mask) words.push("--mask", quoted(`${name.replace(/\.[^.]*$/, "")}-mask.png`));
  for (const [key, value] of Object.entries(options)) {
    const flag = `--${key.replaceAll("_", "-")}`;
    if (value === true) words.push(flag);
    else if (value === false) words.push(`--no-${flag.slice(2)}`);
    else words.push(flag, quoted(String(value)));
  }
  return words.join(" ");
}

/** Refuses what the command line would. */
export function check(request: JobRequest): void {
  const strength = request.options?.strength;
  if (typeof strength === "number" && (strength < 0 || strength > 1))
    throw new Failure(
      422,
      `Invalid value for '--strength': ${strength} is not in the range 0<=x<=1.`,
      "strength",
    );
  if (request.task === "inpaint" && request.kind !== "look" && !request.strokes?.length)
    throw new Failure(422, "expected a mask, got none; paint what to fill", "mask");
}

const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Does the jobs one after the other, about as slowly as small networks do. */
export class Work {
  private queue: Job[] = [];
  private busy = false;
  /** Seconds of a restoration. */
  pace = Number(process.env.MOCK_SECONDS ?? 6);

  constructor(private readonly state: State) {}

  add(request: JobRequest): Job {
    check(request);
    const { picture } = this.state.stored(request.picture);
    const kind = request.kind ?? "restore";
    const options = request.options ?? {};
    const job: Job = {
      ...{ id: this.state.id(), kind, task: request.task, picture: picture.id, picture_name: picture.name },
      ...{ options, command: command(request.task, picture.name, options, Boolean(request.strokes?.length)) },
      ...{ status: "queued", place: 0, progress: null, notes: [], error: null, option: null, results: [] },
      ...{ map: null, region: null, facts: {}, box: request.box ?? null, batch: request.batch ?? null },
      ...{ created: this.state.now(), seconds: null },
    };
    this.state.jobs.set(job.id, job);
    if (kind === "restore") this.queue.push(job);
    else this.queue.unshift(job);
    this.places();
    this.state.emit("job", job);
    void this.next();
    return job;
  }

  cancel(job: Job): void {
    if (job.status !== "queued" && job.status !== "running") throw new Failure(409, "the job has ended");
    this.queue = this.queue.filter((other) => other !== job);
    this.state.change(job, { status: "cancelled", progress: null, place: 0 });
    this.places();
  }

  private places(): void {
    this.queue.forEach((job, index) => {
      if (job.place !== index + 1) this.state.change(job, { place: index + 1 });
    });
  }

  private async next(): Promise<void> {
    if (this.busy) return;
    const job = this.queue.shift();
    if (!job) return;
    this.busy = true;
    this.places();
    try {
      await this.run(job);
    } finally {
      this.busy = false;
      void this.next();
    }
  }

  private async run(job: Job): Promise<void> {
    const stored = this.state.stored(job.picture);
    const seconds = job.kind === "restore" ? this.pace : Math.min(this.pace, 1.2);
    this.state.change(job, { status: "running", place: 0 });
    const steps = 40;
    for (let step = 1; step <= steps; step++) {
      const left = (seconds * (steps - step)) / steps;
      const line = `${job.picture_name}: step ${step} of ${steps}, ${Math.ceil(left)} s left`;
      const doing = step < 4 ? "Reading" : "Restoring";
      const progress = {
        share: step / steps,
        step,
        steps,
        doing,
        seconds_left: step < 3 ? null : left,
        line,
      };
      this.state.change(job, { progress });
      await wait(seconds / steps);
      if ((job.status as string) === "cancelled") return;
    }
    if (job.picture_name.includes("fail"))
      return this.state.change(job, {
        ...{ status: "failed", progress: null, seconds },
        error: "expected a picture of 3 channels, got 5; convert it to RGB",
      });
    this.finish(job, stored, seconds);
  }

  private finish(job: Job, stored: Stored, seconds: number): void {
    const facts: Record<string, unknown> =
      job.task === "denoise" ? { sigma: 14.2, sigma_words: "14.2 of 255, that of a camera" } : {};
    const notes = job.task === "denoise" ? ["noise of a camera, sigma 14.2"] : [];
    if (job.kind === "look") {
      const region = job.task === "repair" ? this.region(stored) : null;
      this.state.change(job, { status: "done", progress: null, seconds, facts, notes, region });
      return;
    }
    const count = job.kind === "preview" ? 1 : Math.min(8, Number(job.options.samples ?? 1));
    const ending = EXTENSIONS[job.task] ?? job.task;
    const stem = job.picture_name.replace(/\.[^.]*$/, "");
    const results = Array.from({ length: count }, (_, seed) => {
      const name = count > 1 ? `${stem}-${ending}-${seed}.png` : `${stem}-${ending}.png`;
      const kind = job.kind === "preview" ? "preview" : "result";
      const made = this.state.add(this.raster(job, stored), {
        name,
        kind,
        job: job.id,
        bits: stored.picture.bits,
      });
      return { picture: made.picture.id, name, seed: count > 1 ? seed : null };
    });
    const map = job.options.uncertainty ? this.map(job, stored, stem) : null;
    const status = job.picture_name.includes("clean") ? "unchanged" : "done";
    this.state.change(job, { status, progress: null, seconds, facts, notes, results, map });
  }

  /** A map that is brightest in the middle. */
  private map(job: Job, stored: Stored, stem: string): string {
    const { width, height } = stored.raster;
    const data = new Uint8Array(width * height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const far = Math.hypot(x / width - 0.5, y / height - 0.5);
        data[y * width + x] = Math.round(255 * Math.exp(-8 * far * far));
      }
    const name = `${stem}-uncertainty.png`;
    return this.state.add({ width, height, channels: 1, data }, { name, kind: "map", job: job.id }).picture
      .id;
  }

  private raster(job: Job, stored: Stored): Raster {
    const { width, height } = stored.raster;
    const by = job.task === "upscale" ? Number(job.options.scale ?? 2) : 1;
    const made = stored.picture.notes.includes("generated")
      ? scene(width * by, height * by, 0, false)
      : calmed(stored.raster);
    const box = job.box;
    return job.kind === "preview" && box
      ? cropped(made, box.x, box.y, box.x + box.width, box.y + box.height)
      : made;
  }

  /** A region somewhere in the picture. */
  region(stored: Stored, x = stored.raster.width / 2, y = stored.raster.height / 2) {
    const [w, h] = [Math.round(stored.raster.width / 6), Math.round(stored.raster.height / 5)];
    const region = {
      id: this.state.id(),
      x: Math.max(0, Math.min(stored.raster.width - w, Math.round(x - w / 2))),
      y: Math.max(0, Math.min(stored.raster.height - h, Math.round(y - h / 2))),
      width: w,
      height: h,
      area: Math.round((Math.PI / 4) * w * h),
      words: `${w} x ${h} pixels`,
    };
    stored.regions.set(region.id, region);
    return region;
  }

  regionRaster(stored: Stored, id: string): Raster {
    const region = stored.regions.get(id);
    if (!region) throw new Failure(404, `there is no region ${id}`);
    return ellipse(region.width, region.height);
  }
}
