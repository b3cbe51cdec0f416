import { computed, signal } from "@preact/signals";
import { ApiError, api } from "../api/client";
import type { Job, JobRequest, Options, Picture } from "../api/types";
import { text } from "../text/en";
import { shortNote } from "../text/notes";
import { cancel, start, wordsOf } from "./actions";
import { options, task } from "./choice";
import { inputs, isOver, jobList, queue } from "./data";
import { say, tell } from "./notices";

/** The pictures of the table that are left out; all others are chosen. */
const leftOut = signal<ReadonlySet<string>>(new Set());
export const isChosen = (id: string): boolean => !leftOut.value.has(id);
export const chosen = computed(() => inputs.value.filter(({ id }) => isChosen(id)));

export function choose(id: string, on: boolean): void {
  const copy = new Set(leftOut.value);
  if (on) copy.delete(id);
  else copy.add(id);
  leftOut.value = copy;
}

export function chooseAll(on: boolean): void {
  leftOut.value = new Set(on ? [] : inputs.value.map(({ id }) => id));
}

/** What kept a job of a picture from being started, by the picture. */
export const refused = signal<ReadonlyMap<string, string>>(new Map());
export const starting = signal(false);

/** The newest restoration of each picture. */
export const latest = computed(() => {
  const found = new Map<string, Job>();
  for (const job of jobList.value) if (job.kind === "restore") found.set(job.picture, job);
  return found;
});

/** The newest thing that a measurement said of each picture, such as its noise, without its name. */
export const foundIn = computed(() => {
  const found = new Map<string, string>();
  for (const { picture, picture_name: name, notes } of jobList.value) {
    const note = shortNote(notes[0] ?? "", [name]);
    if (note) found.set(picture, note);
  }
  return found;
});

export const counts = computed(() => {
  const all = { done: 0, running: 0, waiting: 0, failed: refused.value.size };
  for (const [picture, { status }] of latest.value) {
    if (refused.value.has(picture)) continue;
    if (status === "running") all.running++;
    else if (status === "queued") all.waiting++;
    else if (status === "failed") all.failed++;
    else if (status !== "cancelled") all.done++;
  }
  return all;
});

/** The jobs that have something to download. */
export const downloadable = computed(() =>
  inputs.value.flatMap(({ id }) => {
    const job = latest.value.get(id);
    return job && isOver(job) && job.results.length > 0 ? [job.id] : [];
  }),
);

function refuse(picture: string, why: string | null): void {
  const copy = new Map(refused.value);
  if (why === null) copy.delete(picture);
  else copy.set(picture, why);
  refused.value = copy;
}

/** The mask that was painted on a picture, with what belongs to it. */
async function maskFor(picture: string, options: Options): Promise<Pick<JobRequest, "strokes" | "options">> {
  const { strokes, grow, feather } = await api.strokes(picture);
  if (strokes.length === 0) throw new ApiError(422, text.table.noMask, "mask");
  return { strokes, options: { ...options, grow, feather } };
}

/** Starts the chosen task, with the options of the chosen picture, for the chosen pictures. */
export async function startBatch(): Promise<void> {
  const what = task.value;
  if (!what || starting.value) return;
  const shared = {
    task: what.name,
    options: options.value,
    batch: crypto.randomUUID().replaceAll("-", "").slice(0, 12),
  };
  starting.value = true;
  refused.value = new Map();
  let count = 0;
  for (const picture of chosen.value) {
    try {
      count += await startOne(picture, shared, what.needs === "mask");
    } catch (error) {
      refuse(picture.id, wordsOf(error));
      // Nothing that follows would be taken either.
      if (error instanceof ApiError && [0, 401, 429, 507].includes(error.status)) {
        tell(wordsOf(error), "bad");
        break;
      }
    }
  }
  starting.value = false;
  if (count) say(text.table.started(count));
}

async function startOne(
  picture: Picture,
  shared: Omit<JobRequest, "picture">,
  mask: boolean,
): Promise<number> {
  const own = mask ? await maskFor(picture.id, shared.options ?? {}) : {};
  await start({ ...shared, picture: picture.id, ...own });
  return 1;
}

export async function cancelAll(): Promise<void> {
  // The last first, so that none of those waiting begins in the meantime.
  for (const job of [...queue.value].reverse()) await cancel(job.id);
}
