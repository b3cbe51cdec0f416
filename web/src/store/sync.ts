import { ApiError, api, urls, watchAnswers } from "../api/client";
import type { Events, Job, Picture, Session } from "../api/types";
import { connection, jobs, pictures, session, tasks } from "./data";

type Handler = (job: Job, before: Job | undefined) => void;
const jobHandlers = new Set<Handler>();
const strokesHandlers = new Set<(event: Events["strokes"]) => void>();

/** Calls `handler` for each change of a job that the server tells, with the job as it was before. */
export function onJob(handler: Handler): () => void {
  jobHandlers.add(handler);
  return () => jobHandlers.delete(handler);
}

/** Calls `handler` when the strokes of a picture were kept, by this tab or another. */
export function onStrokes(handler: (event: Events["strokes"]) => void): () => void {
  strokesHandlers.add(handler);
  return () => strokesHandlers.delete(handler);
}

export function keepPicture(picture: Picture): void {
  pictures.value = new Map(pictures.value).set(picture.id, picture);
}

function without<T>(map: ReadonlyMap<string, T>, id: string): ReadonlyMap<string, T> {
  const copy = new Map(map);
  copy.delete(id);
  return copy;
}

function keepJob(job: Job): void {
  const before = jobs.value.get(job.id);
  jobs.value = new Map(jobs.value).set(job.id, job);
  for (const handler of jobHandlers) handler(job, before);
}

/** Sets the places of the jobs that are known. */
function keepPlaces({ places }: Events["places"]): void {
  const copy = new Map(jobs.value);
  for (const [id, place] of Object.entries(places)) {
    const job = copy.get(id);
    // A job that has begun in the meantime keeps its place, 0.
    if (job?.status === "queued" && job.place !== place) copy.set(id, { ...job, place });
  }
  jobs.value = copy;
}

const TAKE: { [K in keyof Events]: (data: Events[K]) => void } = {
  job: keepJob,
  picture: keepPicture,
  strokes: (data) => {
    for (const handler of strokesHandlers) handler(data);
  },
  removed: ({ kind, id }) => {
    if (kind === "picture") pictures.value = without(pictures.value, id);
    else jobs.value = without(jobs.value, id);
  },
  places: keepPlaces,
  reset: () => void load(),
};

/** Takes in one event. */
export function receive<K extends keyof Events>(event: K, data: Events[K]): void {
  TAKE[event](data);
}

function keepSession({ pictures: some, jobs: others, event: _, ...rest }: Session): void {
  const before = jobs.value;
  session.value = rest;
  pictures.value = new Map(some.map((picture) => [picture.id, picture]));
  jobs.value = new Map(others.map((job) => [job.id, job]));
  // What changed while nobody listened is news as well.
  for (const job of others) {
    const known = before.get(job.id);
    if (known && known.status !== job.status) for (const handler of jobHandlers) handler(job, known);
  }
}

const SLOWEST = 5000;
let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;
let pause = 500;

function again(): void {
  clearTimeout(retry);
  retry = setTimeout(() => void load(), pause);
  pause = Math.min(SLOWEST, pause * 1.6);
}

function listen(since: number): void {
  source?.close();
  const made = new EventSource(urls.events(since));
  source = made;
  for (const name of Object.keys(TAKE) as (keyof Events)[])
    made.addEventListener(name, (event) => {
      if (source === made) receive(name, JSON.parse((event as MessageEvent<string>).data));
    });
  made.onopen = () => {
    if (source === made) connection.value = "live";
  };
  // The stream broke. Asking for everything anew says why, and finds the changes of another server, too.
  made.onerror = () => {
    if (source !== made || connection.value === "token" || connection.value === "password") return;
    if (made.readyState === EventSource.CLOSED) {
      connection.value = "lost";
      again();
      return;
    }
    // The browser comes again by itself, with Last-Event-ID; a short break is not told.
    setTimeout(() => {
      if (source !== made || made.readyState === EventSource.OPEN || connection.value !== "live") return;
      connection.value = "lost";
    }, 800);
  };
}

/** Asks for everything and listens for changes; tries again until the server is there. */
export async function load(): Promise<void> {
  clearTimeout(retry);
  try {
    const known = tasks.value.length ? tasks.value : api.tasks();
    // The pictures are shown as soon as they are known; the tasks are waited for last.
    Promise.resolve(known).catch(() => {});
    const found = await api.session();
    keepSession(found);
    connection.value = "live";
    pause = 500;
    if (!asleep) listen(found.event);
    tasks.value = await known;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      source?.close();
      connection.value = error.option === "password" ? "password" : "token";
      return;
    }
    connection.value = "lost";
    again();
  }
}

/**
 * Browsers keep six connections to a server at once, for all tabs together. A hidden tab gives its stream back,
 * and asks now and then instead.
 */
const REST = 5000;
const EVERY = 10_000;
let asleep = false;
let rest: ReturnType<typeof setTimeout> | undefined;
let asking: ReturnType<typeof setInterval> | undefined;

function sleep(): void {
  if (connection.value !== "live") return;
  asleep = true;
  source?.close();
  source = null;
  asking = setInterval(() => void load(), EVERY);
}

function onVisibility(): void {
  clearTimeout(rest);
  if (document.hidden) {
    rest = setTimeout(sleep, REST);
  } else if (asleep) {
    asleep = false;
    clearInterval(asking);
    void load();
  }
}

export function connect(): void {
  document.addEventListener("visibilitychange", onVisibility);
  watchAnswers((status) => {
    if (connection.value !== "live") return;
    if (status === 401) void load();
    if (status === 0) {
      connection.value = "lost";
      again();
    }
  });
  void load();
}
