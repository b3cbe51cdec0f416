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

/** Takes in one event. */
export function receive<K extends keyof Events>(event: K, data: Events[K]): void {
  if (event === "picture") keepPicture(data as Picture);
  else if (event === "strokes") for (const handler of strokesHandlers) handler(data as Events["strokes"]);
  else if (event === "reset") void load();
  else if (event === "removed") {
    const { kind, id } = data as Events["removed"];
    if (kind === "picture") pictures.value = without(pictures.value, id);
    else jobs.value = without(jobs.value, id);
  } else if (event === "job") {
    const job = data as Job;
    const before = jobs.value.get(job.id);
    jobs.value = new Map(jobs.value).set(job.id, job);
    for (const handler of jobHandlers) handler(job, before);
  }
}

function keepSession({ pictures: some, jobs: others, ...rest }: Session): void {
  session.value = rest;
  pictures.value = new Map(some.map((picture) => [picture.id, picture]));
  jobs.value = new Map(others.map((job) => [job.id, job]));
}

let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;
let waited = 500;

function again(): void {
  clearTimeout(retry);
  retry = setTimeout(() => void load(), waited);
  waited = Math.min(5000, waited * 1.6);
}

function listen(): void {
  source?.close();
  const made = new EventSource(urls.events());
  source = made;
  for (const name of ["job", "picture", "strokes", "removed", "reset"] as const)
    made.addEventListener(name, (event) => receive(name, JSON.parse((event as MessageEvent<string>).data)));
  made.onopen = () => {
    connection.value = "live";
  };
  // The browser comes again by itself, with Last-Event-ID, where the connection broke; where the server
  // refused it does not, and the session is asked for, which says why.
  made.onerror = () => {
    if (source !== made || connection.value === "token" || connection.value === "password") return;
    connection.value = "lost";
    if (made.readyState === EventSource.CLOSED) again();
  };
}

/** Asks for everything and listens for changes; tries again until the server is there. */
export async function load(): Promise<void> {
  clearTimeout(retry);
  try {
    const [found, known] = await Promise.all([
      api.session(),
      tasks.value.length ? Promise.resolve(tasks.value) : api.tasks(),
    ]);
    keepSession(found);
    tasks.value = known;
    connection.value = "live";
    waited = 500;
    if (!source || source.readyState === EventSource.CLOSED) listen();
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

export function connect(): void {
  watchAnswers((status) => {
    if (status === 401 && connection.value === "live") void load();
    if (status === 0 && connection.value === "live") connection.value = "lost";
  });
  void load();
}
