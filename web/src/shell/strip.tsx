import { useEffect, useRef } from "preact/hooks";
import { urls } from "../api/client";
import type { Job, Picture } from "../api/types";
import { Icon } from "../parts/icon";
import { Ring } from "../parts/progress";
import { reveal } from "../parts/reveal";
import { Thumbnail } from "../parts/thumbnail";
import { cancel, forget, removeResult } from "../store/actions";
import { failure, picture, show, shown, tellFailure } from "../store/choice";
import { isOver, resultsOf } from "../store/data";
import { strip, titleOf } from "../store/history";
import { say } from "../store/notices";
import { doingOf } from "../text/doing";
import { fileSize, text } from "../text/en";
import { shortError } from "../text/notes";

/** The width of a thumbnail of 56 pixels of height, as wide as its picture asks, within reason. */
const widthOf = ({ width, height }: Picture) =>
  Math.round(Math.max(42, Math.min(112, (56 * width) / height)));

function Frame({ of, at, label, current }: { of: string; at: Picture; label: string; current: boolean }) {
  return (
    <button
      type="button"
      class="frame"
      aria-label={text.strip.show(label)}
      aria-current={current ? "true" : undefined}
      data-result={at.id}
      onClick={() => show(of, at.id === of ? null : at.id)}
    >
      <Thumbnail id={at.id} width={widthOf(at)} height={56} />
    </button>
  );
}

/** A failed job is chosen like a result: the panel then tells its error. */
function Failed({ job }: { job: Job }) {
  const chosen = failure.value?.id === job.id;
  return (
    <button
      type="button"
      class="frame blank failed"
      aria-label={text.strip.showFailed(titleOf(job.task))}
      aria-pressed={chosen}
      title={shortError(job)}
      onClick={() => tellFailure(job.picture, chosen ? null : job.id)}
    >
      <Icon name="warning" />
    </button>
  );
}

function Ended({ job }: { job: Job }) {
  if (job.status === "failed") return <Failed job={job} />;
  const word = job.status === "cancelled" ? text.strip.cancelled : text.strip.unchanged;
  return (
    <span class={`frame blank ${job.status}`} role="img" aria-label={word} title={word}>
      <Icon name="stop" />
    </span>
  );
}

/** Deletes what it says, and nothing else: there is no way back. */
function Forget({ title, remove }: { title: string; remove: () => Promise<void> }) {
  return (
    <button
      type="button"
      class="forget"
      aria-label={text.strip.forget(title)}
      title={text.strip.forget(title)}
      onClick={() => {
        void remove();
        say(text.strip.forgotten(title));
      }}
    >
      <Icon name="close" size={12} />
    </button>
  );
}

function Frames({ job }: { job: Job }) {
  const there = resultsOf(job);
  const title = titleOf(job.task);
  if (!isOver(job))
    return (
      <button
        type="button"
        class="frame blank cancels"
        aria-label={text.queue.cancelJob(title)}
        title={text.queue.cancel}
        onClick={() => void cancel(job.id)}
      >
        <Icon name="stop" />
        <Ring share={job.status === "running" ? (job.progress?.share ?? null) : 0} size={30} />
      </button>
    );
  if (there.length === 0)
    return (
      <div class="slot">
        <Ended job={job} />
        <Forget title={title} remove={() => forget(job.id)} />
      </div>
    );
  return (
    <>
      {there.map((at) => {
        // Samples keep their numbers when others are deleted.
        const number = job.results.findIndex(({ picture }) => picture === at.id) + 1;
        const label = job.results.length > 1 ? text.strip.sample(title, number) : title;
        return (
          <div class="slot" key={at.id}>
            <Frame of={job.picture} at={at} current={shown.value?.id === at.id} label={label} />
            <Forget title={label} remove={() => removeResult(job, at.id)} />
          </div>
        );
      })}
    </>
  );
}

function captionOf(job: Job): string {
  const { progress, status } = job;
  if (status === "running")
    return progress?.seconds_left ? text.queue.left(progress.seconds_left) : doingOf(job, titleOf(job.task));
  if (status === "queued") return text.status.queued;
  if (status === "unchanged") return text.strip.unchanged;
  const there = resultsOf(job).length;
  return there > 1 ? text.strip.samples(titleOf(job.task), there) : titleOf(job.task);
}

function Group({ job }: { job: Job }) {
  return (
    <li class={resultsOf(job).length > 1 ? "group many" : "group"}>
      <div class="frames">
        <Frames job={job} />
      </div>
      <span class="caption">{captionOf(job)}</span>
    </li>
  );
}

/** What is shown, in figures, and its download. */
function Shown() {
  const at = shown.value;
  if (!at) return null;
  return (
    <div class="shown">
      <p title={at.name}>{at.name}</p>
      <p class="small">
        {text.strip.size(at.width, at.height)} · {text.strip.bits(at.bits)} · {fileSize(at.bytes)}
      </p>
      <a
        class="button"
        href={urls.file(at.id)}
        download={at.name}
        aria-label={text.strip.downloadName(at.name)}
      >
        <Icon name="download" size={18} />
        <span>{text.strip.download}</span>
      </a>
    </div>
  );
}

/** The history of the chosen picture: the original and every result, to go back to. */
export function Strip() {
  const list = useRef<HTMLUListElement>(null);
  const of = picture.value;
  const count = strip.value.length;
  const current = shown.value?.id ?? of?.id;
  useEffect(() => {
    reveal(list.current, `[data-result="${current ?? ""}"]`);
  }, [current]);
  useEffect(() => {
    reveal(list.current, ":scope > :last-child");
  }, [count]);
  if (!of || count === 0) return null;
  return (
    <section class="strip" aria-label={text.strip.title}>
      <ul ref={list}>
        <li class="group">
          <div class="frames">
            <Frame of={of.id} at={of} label={text.strip.original} current={!shown.value} />
          </div>
          <span class="caption">{text.strip.original}</span>
        </li>
        {strip.value.map((job) => (
          <Group key={job.id} job={job} />
        ))}
      </ul>
      <Shown />
    </section>
  );
}
