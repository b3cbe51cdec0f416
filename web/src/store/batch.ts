import { computed, signal } from "@preact/signals";
import { ApiError, api } from "../api/client";
import type { Job, JobRequest, Options, Picture, Task } from "../api/types";
import { text } from "../text/en";
import { shortNote } from "../text/notes";
import { cancel, start, wordsOf } from "./actions";
import { options, task } from "./choice";
import { inputs, isOver, jobList, queue } from "./data";
import { say, tell } from "./notices";
import { batchOptions, knowMask, lacks, lacksMap } from "./own";

/** The pictures of the table that are left out; all others are chosen. */
const leftOut = signal<ReadonlySet<string>>(new Set());
export const isChosen = (id: string): boolean => !leftOut.value.has(id);
export const chosen = computed(() => inputs.value.filter(({ id }) => isChosen(id)));

/** The chosen pictures that have what the chosen task needs of each. */
export const ready = computed(() => {
  const what = task.value;
  return what ? chosen.value.filter((each) => !lacks(each, what)) : [];
});

/** What is left out of the batch, in words: pictures, and options. */
export const leftOutWords = computed(() => {
  const what = task.value;
  if (!what) return "";
  const words = text.table.leftOut;
  const missing = chosen.value.length - ready.value.length;
  const maps = ready.value.filter((each) => lacksMap(each, what, options.value)).length;
  const [pictures, map] = [what.needs && missing > 0 ? words[what.needs](missing) : "", words.map(maps)];
  return [pictures, maps > 0 ? map : ""].filter(Boolean).join(" ");
});

/** Why nothing can be started; empty where something can. */
export const batchMissing = computed(() => {
  if (chosen.value.length === 0) return text.table.none;
  const needs = task.value?.needs;
  return needs && ready.value.length === 0 ? text.table.missing[needs] : "";
});

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

/**
 * The newest thing that a measurement said of each picture, such as its noise, without its name; of a picture that
 * was restored only what was said for that task.
 */
export const foundIn = computed(() => {
  const found = new Map<string, string>();
  for (const { picture, picture_name: name, notes, task } of jobList.value) {
    if (task !== (latest.value.get(picture)?.task ?? task)) continue;
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

/** The mask that was painted on a picture, with what belongs to it; null where there is none. */
async function maskFor(
  picture: string,
  options: Options,
): Promise<Pick<JobRequest, "strokes" | "options"> | null> {
  const { strokes, grow, feather } = await api.strokes(picture);
  const has = strokes.some(({ erase }) => !erase);
  knowMask(picture, has);
  return has ? { strokes, options: { ...options, grow, feather } } : null;
}

/**
 * Starts the chosen task for the chosen pictures: with the options of the picture that is open, less what belongs
 * to that picture alone. Pictures without the mask or the places that the task needs are left out.
 */
export async function startBatch(): Promise<void> {
  const what = task.value;
  if (!what || starting.value) return;
  const batch = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  const shared = options.value;
  starting.value = true;
  refused.value = new Map();
  let count = 0;
  for (const picture of ready.value) {
    try {
      count += await startOne(picture, what, shared, batch);
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
  if (count) say([text.table.started(count), leftOutWords.value].filter(Boolean).join(". "));
}

/** Starts the job of one picture; gives how many were started. */
async function startOne(picture: Picture, what: Task, shared: Options, batch: string): Promise<number> {
  const own = batchOptions(picture, what, shared);
  const request = { task: what.name, picture: picture.id, batch };
  if (what.needs !== "mask") {
    await start({ ...request, options: own });
    return 1;
  }
  const mask = await maskFor(picture.id, own);
  if (mask) await start({ ...request, ...mask });
  return mask ? 1 : 0;
}

export async function cancelAll(): Promise<void> {
  // The last first, so that none of those waiting begins in the meantime.
  for (const job of [...queue.value].reverse()) await cancel(job.id);
}
