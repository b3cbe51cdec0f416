import type { ComponentChildren } from "preact";
import type { Job, Picture, Task } from "../api/types";
import { Bar } from "../parts/progress";
import { cancel } from "../store/actions";
import { ahead, jobsOf, queue } from "../store/data";
import { text } from "../text/en";
import { sentence } from "../text/notes";
import { Failure } from "./Failure";
import { ALLOWS_DAMAGED, duration, isDamaged } from "./facts";
import { ShowOption } from "./ShowOption";
import type { Wrong } from "./state";
import { optionOf } from "./values";
import { Words } from "./Words";

const t = text.panel;

/** The restorations of a picture that wait or run. */
export function activeJobs(picture: string): Job[] {
  return queue.value.filter((job) => job.picture === picture && job.kind === "restore");
}

/** The last restoration of a picture, where it failed. */
export function failedJob(picture: string): Job | null {
  const all = jobsOf(picture);
  const last = all[all.length - 1];
  return last?.status === "failed" ? last : null;
}

function progressWords(job: Job): string {
  if (job.status === "queued") return t.waiting(ahead(job));
  const progress = job.progress;
  if (progress === null) return t.starting;
  const left = progress.seconds_left === null ? "" : t.left(duration(Math.ceil(progress.seconds_left)));
  return [sentence(progress.doing || progress.line), left].filter(Boolean).join(", ");
}

function ProgressOf({ job }: { job: Job }) {
  const words = progressWords(job);
  return (
    <div class="p-progress">
      <div class="p-row">
        <span class="p-grow">{words}</span>
        <button type="button" class="p-link" onClick={() => void cancel(job.id)}>
          {t.cancel}
        </button>
      </div>
      <Bar share={job.status === "queued" ? 0 : (job.progress?.share ?? null)} label={words} />
    </div>
  );
}

interface RunProps {
  task: Task;
  picture: Picture;
  /** How many pictures it is done to. */
  count: number;
  /** What the main button says where it is not the name of the task. */
  label: string | undefined;
  batch: boolean;
  /** Why it cannot be done yet. */
  missing: string;
  starting: boolean;
  /** What is wrong beside the fields that are seen. */
  wrong: Wrong | null;
  failed: boolean;
  /** A failed job that was chosen. */
  old: Job | null;
  onRun: () => void;
  onAgain: () => void;
  children: ComponentChildren;
}

/** The main button, what is being done, and what went wrong. */
export function Run(props: RunProps) {
  const { task, wrong } = props;
  const words = props.label ?? t.run[task.name] ?? task.title;
  // What is wrong with a damaged file stands at its head.
  const said = wrong?.option === ALLOWS_DAMAGED && isDamaged(props.picture) && !props.batch;
  const hidden = wrong?.option ? optionOf(task, wrong.option) : undefined;
  return (
    <footer class="p-run">
      {props.old && <Failure job={props.old} task={task} />}
      {wrong && (
        <div class="p-alert" role="alert">
          <p>
            <Words of={(said ? t.result.damaged : wrong.message) || t.result.failed} />
          </p>
          <div class="p-row">
            {hidden && <ShowOption option={hidden} />}
            {props.failed && !wrong.option && (
              <button type="button" class="p-link" onClick={props.onAgain}>
                {t.result.again}
              </button>
            )}
          </div>
        </div>
      )}
      {!props.batch &&
        activeJobs(props.picture.id)
          .slice(0, 1)
          .map((job) => <ProgressOf key={job.id} job={job} />)}
      <button
        type="button"
        class="button primary p-main"
        disabled={props.missing !== "" || props.starting}
        aria-describedby={props.missing ? "p-missing" : undefined}
        onClick={props.onRun}
      >
        {props.batch && props.count > 0 ? t.runAll(words, props.count) : words}
      </button>
      {props.missing && (
        <p class="p-help" id="p-missing">
          {props.missing}
        </p>
      )}
      {props.children}
    </footer>
  );
}
