import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { JobRequest, Strokes } from "../src/api/types";
import { catalogue } from "./catalogue.ts";
import { cropped, decodePng, encodePng, reduced } from "./raster.ts";
import { ellipse, scene } from "./scene.ts";
import { Failure, State, type Stored } from "./state.ts";
import { check, command, Work } from "./work.ts";

const LIMITS = { file_bytes: 512 * 2 ** 20, pixels: 120e6, pictures: 200, queue: 100 };
const EXTENSIONS = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"];

interface Call {
  state: State;
  work: Work;
  query: URLSearchParams;
  parts: string[];
  body: Buffer;
  response: ServerResponse;
}

type Answer = { status?: number; json?: unknown; data?: Buffer; type?: string; name?: string } | null;
type Route = [method: string, path: string, (call: Call) => Answer];

function send(response: ServerResponse, answer: Exclude<Answer, null>): void {
  response.statusCode = answer.status ?? 200;
  if (answer.name)
    response.setHeader("content-disposition", `attachment; filename="${encodeURI(answer.name)}"`);
  if (answer.data)
    response.setHeader("content-type", answer.type ?? "application/octet-stream").end(answer.data);
  else if (answer.json !== undefined)
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer.json));
  else response.end();
}

const png = (data: Buffer): Answer => ({ data, type: "image/png" });
const parsed = <T>(call: Call): T => JSON.parse(call.body.toString() || "{}") as T;

function upload({ state, query, body }: Call): Answer {
  const name = query.get("name") ?? "picture.png";
  if (!EXTENSIONS.some((ending) => name.toLowerCase().endsWith(ending)))
    throw new Failure(415, `expected a picture, got ${name}; it can be ${EXTENSIONS.join(", ")}`, "file");
  const raster = decodePng(body);
  const format = name.split(".").pop() ?? "png";
  const made = raster
    ? state.add(raster, { name }, body)
    : state.add(
        scene(1800, 1200, 70, true),
        { name, format, notes: ["generated"], bytes: body.length },
        body,
      );
  return { status: 201, json: made.picture };
}

function tile({ state, parts }: Call): Answer {
  const stored = state.stored(parts[1] ?? "");
  const [level = 0, column = 0, row = 0] = parts.slice(3).map(Number);
  if (level >= stored.picture.levels) throw new Failure(404, "there is no such tile");
  const { tile: side } = stored.picture;
  const whole = state.level(stored, level);
  const part = cropped(whole, column * side, row * side, (column + 1) * side, (row + 1) * side);
  if (part.width <= 0 || part.height <= 0) throw new Failure(404, "there is no such tile");
  return png(encodePng(part));
}

function thumbnail({ state, parts }: Call): Answer {
  const stored = state.stored(parts[1] ?? "");
  const level = Math.max(0, Math.ceil(Math.log2(Math.max(stored.raster.width, stored.raster.height) / 320)));
  return png(encodePng(state.level(stored, level)));
}

function kept({ strokes, version, regions }: Stored) {
  return { ...strokes, version, regions: [...regions.values()] };
}

function keepStrokes(call: Call): Answer {
  const stored = call.state.stored(call.parts[1] ?? "");
  stored.strokes = parsed<Strokes>(call);
  call.state.emit("strokes", { picture: stored.picture.id, version: ++stored.version });
  return { json: kept(stored) };
}

function mask({ state, parts }: Call): Answer {
  const { raster, picture } = state.stored(parts[1] ?? "");
  const { data } = ellipse(raster.width, raster.height);
  const gray = data.filter((_, index) => index % 2 === 0);
  const name = picture.name.replace(/\.[^.]*$/, "-mask.png");
  return { data: encodePng({ ...raster, channels: 1, data: gray }), type: "image/png", name };
}

function archive({ state, query }: Call): Answer {
  const results = (query.get("jobs") ?? "").split(",").flatMap((id) => state.job(id).results);
  return {
    data: Buffer.from(results.map(({ name }) => name).join("\n")),
    type: "application/zip",
    name: "results.zip",
  };
}

const ROUTES: Route[] = [
  [
    "GET",
    "session",
    ({ state }) => ({
      json: {
        ...{ version: "0.0.0", device: "cpu (mock)", limits: LIMITS, extensions: EXTENSIONS },
        pictures: [...state.pictures.values()].map(({ picture }) => picture),
        jobs: [...state.jobs.values()],
        event: state.event,
      },
    }),
  ],
  ["GET", "tasks", () => ({ json: catalogue })],
  ["POST", "pictures", upload],
  ["GET", "pictures/*", ({ state, parts }) => ({ json: state.stored(parts[1] ?? "").picture })],
  [
    "DELETE",
    "pictures/*",
    ({ state, parts }) => {
      const { picture } = state.stored(parts[1] ?? "");
      for (const job of [...state.jobs.values()].filter((each) => each.picture === picture.id))
        state.remove("job", job.id);
      state.remove("picture", picture.id);
      return { status: 204 };
    },
  ],
  [
    "GET",
    "pictures/*/file",
    ({ state, parts }) => {
      const { file, picture } = state.stored(parts[1] ?? "");
      return { data: file, name: picture.name };
    },
  ],
  ["GET", "pictures/*/tiles/*/*/*", tile],
  ["GET", "pictures/*/thumbnail", thumbnail],
  ["GET", "pictures/*/strokes", ({ state, parts }) => ({ json: kept(state.stored(parts[1] ?? "")) })],
  ["PUT", "pictures/*/strokes", keepStrokes],
  ["POST", "pictures/*/mask", mask],
  [
    "POST",
    "pictures/*/regions",
    ({ state, work, parts }) => ({ status: 201, json: work.region(state.stored(parts[1] ?? "")) }),
  ],
  [
    "POST",
    "pictures/*/select",
    (call) => {
      const { x, y } = parsed<{ x: number; y: number }>(call);
      const stored = call.state.stored(call.parts[1] ?? "");
      if (y < stored.raster.height * 0.2)
        throw new Failure(
          422,
          "expected an object at this point, got an even surface; choose another point",
          "mask",
        );
      return { status: 201, json: call.work.region(stored, x, y) };
    },
  ],
  [
    "GET",
    "pictures/*/regions/*",
    ({ state, work, parts, query }) =>
      png(
        encodePng(
          reduced(
            work.regionRaster(state.stored(parts[1] ?? ""), parts[3] ?? ""),
            Number(query.get("level") ?? 0),
          ),
        ),
      ),
  ],
  [
    "POST",
    "assets",
    ({ state, query, body }) => ({
      status: 201,
      json: { id: state.id(), name: query.get("name"), bytes: body.length },
    }),
  ],
  [
    "POST",
    "commands",
    (call) => {
      const request = parsed<JobRequest>(call);
      check(request);
      const { name } = call.state.stored(request.picture).picture;
      return {
        json: {
          command: command(request.task, name, request.options ?? {}, Boolean(request.strokes?.length)),
        },
      };
    },
  ],
  ["POST", "jobs", (call) => ({ status: 202, json: call.work.add(parsed<JobRequest>(call)) })],
  ["GET", "jobs", ({ state }) => ({ json: [...state.jobs.values()] })],
  ["GET", "jobs/*", ({ state, parts }) => ({ json: state.job(parts[1] ?? "") })],
  [
    "DELETE",
    "jobs/*",
    ({ state, parts }) => {
      const job = state.job(parts[1] ?? "");
      for (const { picture } of job.results)
        if (state.pictures.has(picture)) state.remove("picture", picture);
      state.remove("job", job.id);
      return { status: 204 };
    },
  ],
  [
    "POST",
    "jobs/*/cancel",
    ({ state, work, parts }) => {
      work.cancel(state.job(parts[1] ?? ""));
      return { status: 202, json: state.job(parts[1] ?? "") };
    },
  ],
  ["GET", "archive", archive],
];

function matches(pattern: string, parts: string[]): boolean {
  const wanted = pattern.split("/");
  return (
    wanted.length === parts.length && wanted.every((word, index) => word === "*" || word === parts[index])
  );
}

function events(
  state: State,
  since: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("retry: 1000\n\n");
  response.write(`event: ready\ndata: {}\n\n`);
  const from = Number(request.headers["last-event-id"] ?? since ?? Number.NaN);
  if (!Number.isNaN(from)) for (const line of state.after(from)) response.write(line);
  const listener = (line: string) => response.write(line);
  state.listeners.add(listener);
  request.on("close", () => state.listeners.delete(listener));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The headers that the server sends with the page. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
  "font-src 'none'; form-action 'self'; base-uri 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/**
 * The API in memory, for `npm run dev` and, with the Content-Security-Policy of the server, `npm run preview`.
 * MOCK_SECONDS sets the length of a job, MOCK_EMPTY=1 starts without a picture, MOCK_LOGIN=token or password
 * answers 401 until a password (any but "wrong") has been posted.
 */
export function mockApi(): Plugin {
  const state = new State();
  const work = new Work(state);
  let locked = process.env.MOCK_LOGIN;
  if (!process.env.MOCK_EMPTY)
    state.add(scene(2400, 1600, 90, true), { name: "evening.png", notes: ["generated"] });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
    if (parts[0] === "login") {
      const { password } = JSON.parse((await bodyOf(request)).toString()) as { password: string };
      if (password === "wrong") throw new Failure(401, "the password is not right", "password");
      locked = undefined;
      return send(response, { status: 204 });
    }
    if (locked)
      throw new Failure(401, "expected the token of this server; open the address that was printed", locked);
    if (parts[0] === "events") return events(state, url.searchParams.get("since"), request, response);
    const route = ROUTES.find(([method, path]) => method === request.method && matches(path, parts));
    if (!route) throw new Failure(404, "not found");
    const body = await bodyOf(request);
    const given = route[2]({ state, work, query: url.searchParams, parts, body, response });
    if (given) send(response, given);
  }

  const handler = (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response).catch((error: unknown) => {
      const failure = error instanceof Failure ? error : new Failure(500, String(error));
      if (!(error instanceof Failure)) console.error(error);
      const { message, option } = failure;
      send(response, { status: failure.status, json: { error: { message, option } } });
    });
  return {
    name: "mock-api",
    configureServer(server) {
      server.middlewares.use("/api/", handler);
    },
    configurePreviewServer(server) {
      server.middlewares.use("/api/", handler);
      server.middlewares.use((_, response, next) => {
        response.setHeader("content-security-policy", CSP);
        next();
      });
    },
  };
}
