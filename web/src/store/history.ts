import { computed, effect, untracked } from "@preact/signals";
import { api } from "../api/client";
import type { Job } from "../api/types";
import { text } from "../text/en";
import { shortError } from "../text/notes";
import { showJob, wordsOf } from "./actions";
import { choosePicture, picture, show, shown } from "./choice";
import { connection, inputs, isOver, jobsOf, pictures, tasks } from "./data";
import { say, tell } from "./notices";
import { view } from "./shell";
import { onJob } from "./sync";

export const titleOf = (task: string): string => tasks.value.find(({ name }) => name === task)?.title ?? task;

/** The restorations of the chosen picture that the strip shows. */
export const strip = computed<Job[]>(() => (picture.value ? jobsOf(picture.value.id) : []));

/** What can be gone through with keys: the original (null) and each result that is there. */
const stations = computed<(string | null)[]>(() => [
  null,
  ...strip.value.flatMap((job) =>
    job.results.map((result) => result.picture).filter((id) => pictures.value.has(id)),
  ),
]);

export function stepResult(by: number): void {
  const of = picture.value;
  if (!of) return;
  const at = stations.value.indexOf(shown.value?.id ?? null);
  const next = Math.max(0, Math.min(stations.value.length - 1, at + by));
  show(of.id, stations.value[next] ?? null);
}

export function stepPicture(by: number): void {
  const all = inputs.value;
  const at = all.findIndex(({ id }) => id === picture.value?.id);
  const next = all[(at + by + all.length) % all.length];
  if (next) choosePicture(next.id);
}

/** Closes a picture, with its results; the one beside it is chosen. */
export async function closePicture(id: string): Promise<void> {
  const all = inputs.value;
  const at = all.findIndex((each) => each.id === id);
  const name = all[at]?.name ?? "";
  if (picture.value?.id === id) {
    const beside = all[at + 1] ?? all[at - 1];
    if (beside) choosePicture(beside.id);
  }
  try {
    await api.removePicture(id);
    say(text.tabs.closed(name));
  } catch (error) {
    tell(wordsOf(error), "bad");
  }
}

function saysOf(job: Job): string {
  const [task, name] = [titleOf(job.task), job.picture_name];
  if (job.status === "done") return text.says.done(task, name, job.seconds);
  if (job.status === "failed") return text.says.failed(task, name, shortError(job));
  return text.says[job.status](task, name);
}

/** Says what becomes of jobs, and shows the result of one that has ended. */
export function followJobs(): () => void {
  return onJob((job, before) => {
    if (job.kind !== "restore" || before?.status === job.status) return;
    say(saysOf(job));
    if (isOver(job) && before && job.results.length > 0) showJob(job);
    // The table and the panel tell it themselves.
    const seen = view.value === "table" || job.picture === picture.value?.id;
    if (job.status === "failed" && before && !seen) tell(saysOf(job), "bad");
  });
}

/** Tells when a lost server is back. */
export function followServer(): () => void {
  let before = connection.value;
  return effect(() => {
    const was = before;
    before = connection.value;
    if (was === "lost" && before === "live") untracked(() => tell(text.server.back));
  });
}

/** The title of the tab of the browser: what is open, and how far the work is. */
export function titlePage(): () => void {
  return effect(() => {
    const name = picture.value?.name;
    const busy = strip.value.find((job) => job.status === "running")?.progress;
    const share = busy ? `${Math.round(busy.share * 100)} % ` : "";
    document.title = name ? `${share}${name} – ${text.shell.title}` : text.shell.title;
  });
}
