import type { Asset, Job, JobRequest, Picture, Region, Session, Stroke, Strokes, Task } from "./types";

/** The server refused a request, or was not reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly option: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

type Watcher = (status: number) => void;
let watcher: Watcher = () => {};

/** Calls `watch` with the status of every answer: 0 where the server was not reached. */
export function watchAnswers(watch: Watcher): void {
  watcher = watch;
}

/** The error that an answer of the server tells. */
export function errorOf(status: number, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown; option?: unknown } };
    if (error && typeof error.message === "string") {
      return new ApiError(status, error.message, typeof error.option === "string" ? error.option : null);
    }
  } catch {
    // The answer is no JSON: a proxy's page, or none at all.
  }
  return new ApiError(status, "");
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`./api/${path}`, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    watcher(0);
    throw new ApiError(0, "");
  }
  watcher(response.status);
  if (!response.ok) throw errorOf(response.status, await response.text().catch(() => ""));
  return response;
}

function body(value: unknown, method = "POST"): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

const raw = (data: Blob): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/octet-stream" },
  body: data,
});
const json = async <T>(response: Promise<Response>): Promise<T> => (await response).json() as Promise<T>;
const part = encodeURIComponent;

/** Every call of the API, with its types. All of them reject with `ApiError`. */
export const api = {
  session: () => json<Session>(call("session")),
  tasks: () => json<Task[]>(call("tasks")),
  login: (password: string) => call("login", body({ password })),

  picture: (id: string) => json<Picture>(call(`pictures/${part(id)}`)),
  file: async (picture: string) => (await call(`pictures/${part(picture)}/file`)).blob(),
  removePicture: (id: string) => call(`pictures/${part(id)}`, { method: "DELETE" }),

  strokes: (picture: string) => json<Strokes>(call(`pictures/${part(picture)}/strokes`)),
  /** `leaving`: the page goes away; browsers send at most 64 KiB after that. */
  keepStrokes: (picture: string, strokes: Strokes, leaving = false) => {
    const init = body(strokes, "PUT");
    const keepalive = leaving && String(init.body).length < 60_000;
    return call(`pictures/${part(picture)}/strokes`, { ...init, keepalive });
  },
  mask: async (picture: string, strokes: Stroke[]) =>
    (await call(`pictures/${part(picture)}/mask`, body({ strokes }))).blob(),
  /** A mask file, which is scaled to the picture where its size is another. */
  uploadRegion: (picture: string, file: File) =>
    json<Region>(call(`pictures/${part(picture)}/regions?name=${part(file.name)}&fit=1`, raw(file))),
  select: (picture: string, x: number, y: number, radius?: number, signal?: AbortSignal) =>
    json<Region>(
      call(`pictures/${part(picture)}/select`, {
        ...body(radius === undefined ? { x, y } : { x, y, radius }),
        ...(signal ? { signal } : {}),
      }),
    ),
  asset: (file: File) => json<Asset>(call(`assets?name=${part(file.name)}`, raw(file))),

  command: (request: JobRequest, signal?: AbortSignal) =>
    json<{ command: string }>(call("commands", { ...body(request), ...(signal ? { signal } : {}) })),
  start: (request: JobRequest) => json<Job>(call("jobs", body(request))),
  cancel: (job: string) => json<Job>(call(`jobs/${part(job)}/cancel`, { method: "POST" })),
  forget: (job: string) => call(`jobs/${part(job)}`, { method: "DELETE" }),
};

/** Addresses for the attributes of elements. */
export const urls = {
  file: (picture: string) => `./api/pictures/${part(picture)}/file`,
  tile: (picture: string, level: number, column: number, row: number) =>
    `./api/pictures/${part(picture)}/tiles/${level}/${column}/${row}`,
  thumbnail: (picture: string) => `./api/pictures/${part(picture)}/thumbnail`,
  region: (picture: string, region: string, level: number) =>
    `./api/pictures/${part(picture)}/regions/${part(region)}?level=${level}`,
  archive: (jobs: string[]) => `./api/archive?jobs=${jobs.map(part).join(",")}`,
  events: (since: number) => `./api/events?since=${since}`,
};

export interface Upload {
  done: Promise<Picture>;
  abort: () => void;
}

/** Sends a picture. XMLHttpRequest because fetch tells no progress of what is sent. */
export function uploadPicture(file: File, onProgress: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Picture>((resolve, reject) => {
    request.open("POST", `./api/pictures?name=${part(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      watcher(request.status);
      if (request.status !== 201) return reject(errorOf(request.status, request.responseText));
      resolve(JSON.parse(request.responseText) as Picture);
    };
    request.onerror = () => {
      watcher(0);
      reject(new ApiError(0, ""));
    };
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}
