// Hooks that talk to the server: checking options, previews, and looks.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../api/client";
import type { Job, JobRequest, Option } from "../api/types";
import { cancel, start } from "../store/actions";
import { isOver, jobs, latestJob, work } from "../store/data";
import { besideName } from "../text/notes";
import { ALLOWS_DAMAGED, isDamaged } from "./facts";
import { latest } from "./latest";
import type { PanelProps } from "./panels";
import { lookRequest, stable } from "./requests";
import { type Wrong, wrongOf } from "./state";
import { optionOf } from "./values";

const CHECKED_AFTER = 350;
const PREVIEWED_AFTER = 600;

/** An effect that is run anew when its key changes, which says all that matters to it. */
export function useKeyed(key: string, effect: () => (() => void) | undefined): void {
  const now = useRef(effect);
  now.current = effect;
  useEffect(() => now.current(), [key]);
}

export interface Checked {
  /** The command line that does the same; empty while it is not known. */
  command: string;
  wrong: Wrong | null;
}

/** Have the options checked by the server after a pause, without computing. */
export function useChecked(request: JobRequest | null): Checked {
  const [checked, setChecked] = useState<Checked>({ command: "", wrong: null });
  const check = useMemo(
    () =>
      latest(
        (asked: JobRequest, signal) => api.command(asked, signal),
        ({ command }) => setChecked({ command, wrong: null }),
        (error) => {
          // Refusals of the options are told here; a server that is lost or busy is told elsewhere.
          const refused = error instanceof ApiError && (error.status === 422 || error.status === 400);
          setChecked(refused ? { command: "", wrong: wrongOf(error) } : { command: "", wrong: null });
        },
        CHECKED_AFTER,
      ),
    [],
  );
  const key = request === null ? "" : stable(request);
  useKeyed(key, () => {
    if (request === null) {
      check.drop();
      setChecked({ command: "", wrong: null });
    } else check.ask(request);
    return check.drop;
  });
  return checked;
}

/** Wait until a job has ended; when the signal ends the waiting, the job is cancelled. */
export function ended(job: Job, signal: AbortSignal): Promise<Job> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const leave = () => {
      stop();
      void cancel(job.id);
      reject(new DOMException("aborted", "AbortError"));
    };
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    stop = jobs.subscribe((all) => {
      const now = all.get(job.id);
      if (now === undefined || !isOver(now)) return;
      signal.removeEventListener("abort", leave);
      queueMicrotask(() => stop());
      resolve(now);
    });
  });
}

export interface Previews {
  working: boolean;
  wrong: Wrong | null;
  ask: (request: JobRequest) => void;
  now: (request: JobRequest) => void;
  drop: () => void;
}

/** Previews of the part in view: only the latest one counts, and what is outdated is cancelled. */
export function usePreviews(): Previews {
  const [state, setState] = useState<Pick<Previews, "working" | "wrong">>({ working: false, wrong: null });
  const run = useMemo(
    () =>
      latest(
        async (request: JobRequest, signal) => {
          setState({ working: true, wrong: null });
          return ended(await start(request), signal);
        },
        (job) => {
          const failed =
            job.status === "failed"
              ? { message: besideName(job.error ?? "", job.picture_name), option: job.option }
              : null;
          setState({ working: false, wrong: failed });
        },
        (error) => setState({ working: false, wrong: wrongOf(error) }),
        PREVIEWED_AFTER,
      ),
    [],
  );
  useEffect(() => run.drop, [run]);
  function drop(): void {
    run.drop();
    setState({ working: false, wrong: null });
  }
  return { ...state, ask: run.ask, now: run.now, drop };
}

export interface Look {
  job: Job | null;
  working: boolean;
  /** The job that it waits for. */
  behind: Job | null;
  wrong: Wrong | null;
  /** The option with which the look succeeds. */
  option: Option | undefined;
  again: () => void;
}

const asked = new Set<string>();

/** Measure a picture when its panel is opened, once for the options that matter for it. */
export function useLook(props: PanelProps, names: readonly string[], on = true): Look {
  const { task, picture, values } = props;
  const [wrong, setWrong] = useState<Wrong | null>(null);
  const request = lookRequest(task, picture, values, names);
  const key = stable([request, on]);
  const job = latestJob(picture.id, task.name, "look");
  const fits = job !== null && stable(lookRequest(task, picture, job.options, names)) === stable(request);

  function again(): void {
    asked.add(key);
    setWrong(null);
    start(request).catch((error: unknown) => setWrong(wrongOf(error)));
  }

  useKeyed(key, () => {
    setWrong(null);
    if (!on || fits || asked.has(key)) return undefined;
    const timer = setTimeout(again, job === null ? 0 : PREVIEWED_AFTER);
    return () => clearTimeout(timer);
  });

  const failed =
    job?.status === "failed"
      ? { message: besideName(job.error ?? "", job.picture_name), option: job.option }
      : null;
  const why = wrong ?? failed;
  const working = wrong === null && (job === null ? asked.has(key) : !isOver(job));
  return {
    job: job !== null && isOver(job) && failed === null ? job : null,
    working,
    behind: job?.status === "queued" ? (work.value.find(({ status }) => status === "running") ?? null) : null,
    // That a file is damaged is told of the picture.
    wrong: why?.option === ALLOWS_DAMAGED && isDamaged(picture) ? null : why,
    option: why?.option ? optionOf(task, why.option) : undefined,
    again,
  };
}
