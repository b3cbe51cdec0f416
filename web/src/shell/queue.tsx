import { useEffect, useRef } from "preact/hooks";
import type { Job } from "../api/types";
import { Icon } from "../parts/icon";
import { Bar } from "../parts/progress";
import { cancel, forget, showJob } from "../store/actions";
import { cancelAll } from "../store/batch";
import { choosePicture } from "../store/choice";
import { ahead, isOver, jobList, queue, resultsOf } from "../store/data";
import { titleOf } from "../store/history";
import { queueOpen, view } from "../store/shell";
import { RESTORING } from "../text/doing";
import { text } from "../text/en";
import { besideName } from "../text/notes";

const nameOf = (job: Job) =>
  job.kind === "preview" ? `${text.queue.preview}, ${titleOf(job.task)}` : titleOf(job.task);

function lineOf(job: Job): string {
  const { progress } = job;
  if (job.status === "queued") return text.queue.before(ahead(job));
  if (job.status !== "running")
    return text.status[job.status] + (job.seconds ? ` ${text.queue.took(job.seconds)}` : "");
  if (!progress) return text.status.starting;
  // Steps are those of the restoration; what goes before and after has none.
  const steps = progress.doing === RESTORING && progress.steps > 0;
  const parts = [progress.doing, steps ? text.queue.step(progress.step, progress.steps) : ""];
  if (progress.seconds_left !== null) parts.push(text.queue.left(progress.seconds_left));
  return parts.filter(Boolean).join(" · ");
}

function open(job: Job): void {
  choosePicture(job.picture);
  view.value = "picture";
  showJob(job);
}

function Entry({ job }: { job: Job }) {
  const over = isOver(job);
  const removes = text.queue.forget(nameOf(job), job.picture_name, resultsOf(job).length);
  return (
    <li class={`entry ${job.status}`}>
      <div class="entry-head">
        <button
          type="button"
          class="link"
          title={text.queue.show(job.picture_name)}
          onClick={() => open(job)}
        >
          {job.picture_name}
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={over ? removes : text.queue.cancelJob(job.picture_name)}
          title={over ? removes : text.queue.cancel}
          onClick={() => void (over ? forget(job.id) : cancel(job.id))}
        >
          <Icon name="close" size={16} />
        </button>
      </div>
      <p class="small">
        {nameOf(job)} · {lineOf(job)}
      </p>
      {job.status === "running" && (
        <Bar share={job.progress?.share ?? null} label={text.queue.progress(job.picture_name)} />
      )}
      {job.error && <p class="bad small">{besideName(job.error, job.picture_name)}</p>}
    </li>
  );
}

function Part({ title, jobs }: { title: string; jobs: Job[] }) {
  if (jobs.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {jobs.map((job) => (
          <Entry key={job.id} job={job} />
        ))}
      </ul>
    </>
  );
}

/** What is computed now, what waits, and what has ended. */
export function Queue() {
  return queueOpen.value ? <Drawer /> : null;
}

function Drawer() {
  const element = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.focus();
    return () => {
      if (before instanceof HTMLElement && document.activeElement === document.body) before.focus();
    };
  }, []);
  const [now, next] = [
    queue.value.filter((job) => job.status === "running"),
    queue.value.filter((job) => job.status === "queued"),
  ];
  const ended = jobList.value.filter((job) => isOver(job) && job.kind === "restore").reverse();
  return (
    <section ref={element} id="queue" class="drawer" aria-labelledby="queue-title" tabIndex={-1}>
      <header>
        <h2 id="queue-title">{text.queue.title}</h2>
        {queue.value.length > 1 && (
          <button type="button" class="button quiet" onClick={() => void cancelAll()}>
            {text.queue.cancelAll}
          </button>
        )}
        <button
          type="button"
          class="icon-button"
          aria-label={text.shell.close}
          title={text.shell.close}
          onClick={() => {
            queueOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="drawer-body">
        {queue.value.length + ended.length === 0 && (
          <p class="soft">
            {text.queue.empty}
            <br />
            {text.queue.emptyLine}
          </p>
        )}
        <Part title={text.queue.now} jobs={now} />
        <Part title={text.queue.next} jobs={next} />
        <Part title={text.queue.ended} jobs={ended} />
      </div>
    </section>
  );
}
