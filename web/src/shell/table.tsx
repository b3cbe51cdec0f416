import { useComputed } from "@preact/signals";
import { urls } from "../api/client";
import type { Job, Picture } from "../api/types";
import { Icon } from "../parts/icon";
import { Bar } from "../parts/progress";
import { Thumbnail } from "../parts/thumbnail";
import { cancel } from "../store/actions";
import {
  batchMissing,
  cancelAll,
  choose,
  chooseAll,
  chosen,
  counts,
  downloadable,
  foundIn,
  isChosen,
  latest,
  leftOutWords,
  ready,
  refused,
  startBatch,
  starting,
} from "../store/batch";
import { choosePicture, task } from "../store/choice";
import { inputs, isOver, queue, resultsOf } from "../store/data";
import { closePicture, titleOf } from "../store/history";
import { lacks } from "../store/own";
import { panelOpen, sheet, view } from "../store/shell";
import { doingOf } from "../text/doing";
import { duration, text } from "../text/en";
import { besideName, sentence } from "../text/notes";

/** What was found, without what follows from it. */
const clause = (found: string) => found.split(/: |; /)[0] ?? found;

function State({ picture, job }: { picture: Picture; job: Job | undefined }) {
  const why = refused.value.get(picture.id);
  if (why) return <p class="bad small">{besideName(why, picture.name)}</p>;
  const what = task.value;
  // What another task has made of it says nothing of what this one needs.
  if (what?.needs && job?.task !== what.name && (!job || isOver(job)) && lacks(picture, what))
    return <span class="soft">{text.table.lacks[what.needs]}</span>;
  if (!job) return <span class="soft">{text.status.none}</span>;
  const { status, progress } = job;
  if (status === "running")
    return (
      <div class="state-bar">
        <Bar share={progress?.share ?? null} label={text.queue.progress(job.picture_name)} />
        <span class="soft">
          {progress?.seconds_left
            ? text.queue.left(progress.seconds_left)
            : doingOf(job, text.status.running)}
        </span>
      </div>
    );
  return (
    <>
      <span class={`state ${status}`}>
        {titleOf(job.task)}: {text.status[status].toLowerCase()}
      </span>
      {job.error && <p class="bad small">{besideName(job.error, job.picture_name)}</p>}
    </>
  );
}

function Actions({ picture, job }: { picture: Picture; job: Job | undefined }) {
  const result = job && resultsOf(job)[0];
  return (
    <>
      {job && !isOver(job) && (
        <button
          type="button"
          class="icon-button"
          aria-label={text.queue.cancelJob(picture.name)}
          title={text.queue.cancel}
          onClick={() => void cancel(job.id)}
        >
          <Icon name="stop" />
        </button>
      )}
      {result && (
        <a
          class="icon-button"
          href={urls.file(result.id)}
          download={result.name}
          aria-label={text.strip.downloadName(result.name)}
          title={text.strip.downloadName(result.name)}
        >
          <Icon name="download" />
        </a>
      )}
      <button
        type="button"
        class="icon-button"
        aria-label={text.tabs.close(picture.name)}
        title={text.tabs.close(picture.name)}
        onClick={() => void closePicture(picture.id)}
      >
        <Icon name="close" size={18} />
      </button>
    </>
  );
}

function Row({ picture }: { picture: Picture }) {
  // A row is drawn anew for what concerns it only: a batch may have hundreds.
  const job = useComputed(() => latest.value.get(picture.id)).value;
  const found = useComputed(() => foundIn.value.get(picture.id) ?? "").value;
  const ticked = useComputed(() => isChosen(picture.id)).value;
  const result = job && resultsOf(job)[0];
  return (
    <tr role="row">
      <td role="cell" class="cell-choose">
        <input
          type="checkbox"
          aria-label={text.table.choose(picture.name)}
          checked={ticked}
          onChange={(event) => choose(picture.id, event.currentTarget.checked)}
        />
      </td>
      <th role="rowheader" scope="row" class="cell-name">
        <button
          type="button"
          class="link"
          aria-label={text.table.open(picture.name)}
          title={picture.name}
          onClick={() => {
            choosePicture(picture.id);
            view.value = "picture";
          }}
        >
          <Thumbnail id={result?.id ?? picture.id} width={44} height={44} />
          <span class="name">{picture.name}</span>
        </button>
      </th>
      <td role="cell" class="cell-size soft">
        {text.strip.size(picture.width, picture.height)} · {text.strip.bits(picture.bits)}
      </td>
      <td role="cell" class="cell-state">
        <State picture={picture} job={job} />
      </td>
      <td role="cell" class="cell-found soft" title={found}>
        {sentence(clause(found))}
      </td>
      <td role="cell" class="cell-time soft">
        {job?.seconds ? duration(job.seconds) : ""}
      </td>
      <td role="cell" class="cell-actions">
        <Actions picture={picture} job={job} />
      </td>
    </tr>
  );
}

/** Ticks all pictures, or none. */
function All({ id, label }: { id?: string; label?: string }) {
  const all = chosen.value.length === inputs.value.length;
  return (
    <input
      id={id}
      type="checkbox"
      checked={all}
      aria-label={label}
      ref={(input) => {
        if (input) input.indeterminate = !all && chosen.value.length > 0;
      }}
      onChange={() => chooseAll(!all)}
    />
  );
}

function Head() {
  const { done, running, waiting, failed } = counts.value;
  const words = text.table.counts;
  const parts = [
    done && words.done(done),
    running && words.running(running),
    waiting && words.waiting(waiting),
    failed && words.failed(failed),
    // The panel says the same where it is open.
    !panelOpen.value && !sheet.value && (batchMissing.value || leftOutWords.value),
  ].filter(Boolean);
  return (
    <header class="table-head">
      <div>
        <h1>{text.table.title(inputs.value.length)}</h1>
        <p class="soft" aria-live="polite">
          {parts.join(" · ")}
        </p>
      </div>
      <div class="check">
        <All id="all" />
        <label for="all">{text.table.all}</label>
      </div>
      <div class="table-buttons">
        {queue.value.length > 0 && (
          <button type="button" class="button" onClick={() => void cancelAll()}>
            {text.table.cancel}
          </button>
        )}
        {downloadable.value.length > 0 && (
          <a class="button" href={urls.archive(downloadable.value)} download>
            <Icon name="download" size={18} />
            {text.table.download}
          </a>
        )}
        {!panelOpen.value && !sheet.value && (
          <button
            type="button"
            class="button primary"
            disabled={batchMissing.value !== "" || starting.value}
            onClick={() => void startBatch()}
          >
            {ready.value.length && task.value
              ? text.table.run(task.value.title, ready.value.length)
              : text.table.none}
          </button>
        )}
      </div>
    </header>
  );
}

/** All pictures as a batch: the chosen task, with its options, is done for those that are ticked. */
export function Table() {
  return (
    <div class="table-view">
      <Head />
      <table role="table" aria-label={text.table.caption}>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              <All label={text.table.all} />
            </th>
            {(["name", "size", "state", "found", "time"] as const).map((column) => (
              <th key={column} role="columnheader" scope="col">
                {text.table[column]}
              </th>
            ))}
            <th role="columnheader" scope="col">
              <span class="hidden">{text.table.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {inputs.value.map((picture) => (
            <Row key={picture.id} picture={picture} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
