import { ApiError, api } from "../api/client";
import type { Job, JobRequest } from "../api/types";
import { text } from "../text/en";
import { show, shown, tellFailure } from "./choice";
import { isOver, jobs, resultsOf } from "./data";
import { tell } from "./notices";

/** The line that tells a person what went wrong. */
export function wordsOf(error: unknown): string {
  if (error instanceof ApiError) return error.message || text.errors.status(error.status);
  return error instanceof Error ? error.message : String(error);
}

const rank = (job: Job): number => (isOver(job) ? 2 : job.status === "running" ? 1 : 0);

/**
 * Keeps a job that an answer tells of. Answers and events come by different connections: an event that says
 * more may have come first, and is not taken back.
 */
export function keepJob(job: Job): void {
  const known = jobs.value.get(job.id);
  if (known && rank(known) >= rank(job)) return;
  jobs.value = new Map(jobs.value).set(job.id, job);
}

/** Starts a job. Rejects with ApiError, whose `option` names the field at which its message belongs. */
export async function start(request: JobRequest): Promise<Job> {
  const job = await api.start(request);
  if (job.kind === "restore") tellFailure(job.picture, null);
  keepJob(job);
  return job;
}

export async function cancel(job: string): Promise<void> {
  try {
    keepJob(await api.cancel(job));
  } catch (error) {
    // 409: it has ended in the meantime, which its event tells.
    if (!(error instanceof ApiError && error.status === 409)) tell(wordsOf(error), "bad");
  }
}

export async function forget(job: string): Promise<void> {
  try {
    await api.forget(job);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) tell(wordsOf(error), "bad");
  }
}

/** Shows the first result of a job. */
export function showJob(job: Job): void {
  const first = resultsOf(job)[0]?.id ?? job.results[0]?.picture;
  if (first) show(job.picture, first);
}

/**
 * Deletes one result. The others of its job stay; with the last one the job goes, too. Where it was shown, the
 * one beside it is shown.
 */
export async function removeResult(job: Job, result: string): Promise<void> {
  const there = resultsOf(job);
  const at = there.findIndex(({ id }) => id === result);
  const beside = there[at + 1] ?? there[at - 1];
  if (!beside) return forget(job.id);
  if (shown.value?.id === result) show(job.picture, beside.id);
  try {
    await api.removePicture(result);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) tell(wordsOf(error), "bad");
  }
}
