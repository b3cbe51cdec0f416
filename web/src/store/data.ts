import { computed, signal } from "@preact/signals";
import type { Job, Picture, Session, Task } from "../api/types";

/** What the server has told. Written by store/sync.ts only. */
export const session = signal<Pick<Session, "version" | "device" | "limits" | "extensions"> | null>(null);
export const tasks = signal<Task[]>([]);
export const pictures = signal<ReadonlyMap<string, Picture>>(new Map());
export const jobs = signal<ReadonlyMap<string, Job>>(new Map());

/** How the page stands with the server. */
export type Connection = "starting" | "live" | "lost" | "token" | "password";
export const connection = signal<Connection>("starting");

const oldestFirst = (a: { created: number }, b: { created: number }) => a.created - b.created;

export const inputs = computed(() =>
  [...pictures.value.values()].filter((picture) => picture.kind === "input").sort(oldestFirst),
);
export const jobList = computed(() => [...jobs.value.values()].sort(oldestFirst));

export const isOver = (job: Job): boolean => job.status !== "queued" && job.status !== "running";

/** The jobs that wait or run, in the order in which they are done; looks are too short to be listed. */
export const queue = computed(() =>
  jobList.value.filter((job) => !isOver(job) && job.kind !== "look").sort((a, b) => a.place - b.place),
);

/** The restorations among them: previews come and go. */
export const work = computed(() => queue.value.filter((job) => job.kind === "restore"));

/** The restorations of a picture, the oldest first, without previews and looks. */
export function jobsOf(picture: string): Job[] {
  return jobList.value.filter((job) => job.picture === picture && job.kind === "restore");
}

/** The results of a job that are still there, in their order. */
export function resultsOf(job: Job): Picture[] {
  return job.results.flatMap((result) => pictures.value.get(result.picture) ?? []);
}

/**
 * How many restorations wait before a job. Looks and previews are not counted: the page asks for them itself,
 * and they are over soon.
 */
export function ahead(job: Job): number {
  return work.value.filter((other) => other.status === "queued" && other.place < job.place).length;
}

export function latestJob(picture: string, task: string, kind: Job["kind"]): Job | null {
  const found = jobList.value.filter(
    (job) => job.picture === picture && job.task === task && job.kind === kind,
  );
  return found[found.length - 1] ?? null;
}
