import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Job, JobRequest, Picture, Strokes, Task } from "../api/types";
import { start } from "../store/actions";
import { batchMissing, leftOutWords, ready, startBatch, starting as startingBatch } from "../store/batch";
import {
  failure as chosenFailure,
  picture as chosenPicture,
  task as chosenTask,
  options,
  optionsOf as optionsSet,
  setOptions,
} from "../store/choice";
import { maskOf } from "../store/mask";
import { ownPart, PLACES, sharedTask } from "../store/own";
import { sheetHeight as height, sheet, view } from "../store/shell";
import { text } from "../text/en";
import { besideName } from "../text/notes";
import { Command } from "./Command";
import { told } from "./errors";
import { Icon } from "./icons";
import { More } from "./More";
import { PictureNotes } from "./PictureNotes";
import { Preview } from "./Preview";
import type { PanelProps } from "./panels";
import { Results } from "./Results";
import { failedJob, Run } from "./Run";
import { checkedRequest, missingOf, requestOf } from "./request_of";
import { stable } from "./requests";
import { Handle } from "./Sheet";
import { hiddenChanges, startValues, visibleOptions } from "./shown";
import { moreAt, moreOpen, openMore, type Wrong, wrongOf } from "./state";
import { Deblur } from "./tasks/Deblur";
import { Denoise } from "./tasks/Denoise";
import { Fill } from "./tasks/Fill";
import { Colorize, Dejpeg, Erase, Other, Solve, Vary } from "./tasks/others";
import { Repair } from "./tasks/Repair";
import { Upscale } from "./tasks/Upscale";
import { useChecked, useKeyed } from "./use";
import { changedOptions, optionOf, optionsOf, type Values, without, withValue } from "./values";
import "./panel.css";
import "./controls/controls.css";
import "./lists.css";

const PANELS: Record<string, ComponentType<PanelProps>> = {
  inpaint: Fill,
  denoise: Denoise,
  upscale: Upscale,
  dejpeg: Dejpeg,
  repair: Repair,
  erase: Erase,
  colorize: Colorize,
  deblur: Deblur,
  solve: Solve,
  vary: Vary,
};

const PREVIEWED = ["denoise"];

/** The values in force, kept in the store so that they are sent whoever starts the job. */
function useValues(task: Task, picture: Picture): [Values, (values: Values) => void] {
  const values = startValues(task, options.value);
  useEffect(() => {
    // An effect runs a while after its render: an option that was set meanwhile must stay.
    const now = optionsSet(picture.id, task.name);
    const started = startValues(task, now);
    if (started !== now) setOptions(picture.id, task.name, started);
  });
  return [values, (next) => setOptions(picture.id, task.name, startValues(task, next))];
}

/** What a job that failed says, as long as its options are still those that are set. */
function failure(job: Job | null, wanted: JobRequest): Wrong | null {
  if (job === null || job.task !== wanted.task) return null;
  if (stable(job.options) !== stable(wanted.options ?? {})) return null;
  return { message: job.error ?? text.panel.result.failed, option: job.option };
}

/** What was refused, and with what. */
interface Refused {
  wrong: Wrong;
  values: Values;
  mask: Strokes;
}

/** What was refused says nothing any more once something else is set. */
function current(refused: Refused | null, values: Values, picture: Picture): Wrong | null {
  const same = refused !== null && refused.values === values && refused.mask === maskOf(picture.id);
  return same ? refused.wrong : null;
}

/** What keeps the main button from being pressed. */
function missingFor(task: Task, picture: Picture, values: Values, batch: boolean): string {
  if (!batch) return missingOf(task, picture, values);
  return batchMissing.value || (task.needs ? "" : missingOf(task, picture, values));
}

/** For which pictures the options are, and which of them are each picture's own. */
function BatchHelp({ task, picture, values }: { task: Task; picture: Picture; values: Values }) {
  const own = without(ownPart(task, values), PLACES);
  const alone = Object.keys(own).map((name) => optionOf(task, name)?.flag ?? name);
  const some = batchMissing.value === "";
  const lines = [
    some ? text.panel.batchHelp(ready.value.length) : "",
    some ? leftOutWords.value : "",
    task.needs ? text.panel.batchOwn[task.needs] : "",
    alone.length > 0 ? text.panel.batchAlone(alone, picture.name) : "",
  ];
  return <p class="p-help">{lines.filter(Boolean).join(" ")}</p>;
}

function TaskPanel({ task, picture }: { task: Task; picture: Picture }) {
  const [values, setAll] = useValues(task, picture);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [starting, setStarting] = useState(false);
  const batch = view.value === "table";
  // Pictures of a batch share all but what belongs to one of them.
  const listed = batch ? sharedTask(task) : task;
  const missing = missingFor(task, picture, values, batch);
  const request = requestOf(task, picture, values);
  const checked = useChecked(missing === "" && !(batch && task.needs) ? checkedRequest(request) : null);
  const failed = failedJob(picture.id);
  const old = batch ? null : chosenFailure.value;
  const more = moreOpen.value;

  const seen = more ? optionsOf(listed).map(({ name }) => name) : visibleOptions(listed, values);
  const { errorOf, rest } = told(
    task,
    [current(refused, values, picture), checked.wrong, old === null ? failure(failed, request) : null].map(
      (each) => each && { ...each, message: besideName(each.message, picture.name) },
    ),
    seen,
  );
  const set = (name: string, value: unknown) =>
    setAll(withValue(optionsSet(picture.id, task.name), optionOf(task, name), name, value));
  const keepOwn = (next: Values) => setAll({ ...ownPart(task, values), ...next });
  const props: PanelProps = {
    ...{ task: listed, picture, batch, values, set, errorOf },
    setAll: batch ? keepOwn : setAll,
  };
  const Body = PANELS[task.name] ?? Other;

  async function run(wanted: JobRequest): Promise<void> {
    setStarting(true);
    setRefused(null);
    try {
      await start(wanted);
    } catch (error) {
      setRefused({ wrong: wrongOf(error), values, mask: maskOf(picture.id) });
    } finally {
      setStarting(false);
    }
  }

  const hidden = hiddenChanges(
    listed,
    changedOptions(listed, values).map(({ name }) => name),
  );
  const after = (
    <>
      {!batch && <Command command={checked.command} />}
      {!more && (
        <button type="button" class="p-link p-more-link" onClick={() => openMore()}>
          <Icon name="options" />
          {text.panel.more.open}
          {hidden > 0 && <span class="p-aside">{text.panel.more.changedCount(hidden)}</span>}
        </button>
      )}
    </>
  );
  const low = sheet.value && height.value === "low";

  return (
    <div class={`p-panel${sheet.value ? ` p-sheet p-${height.value}` : ""}`}>
      {sheet.value && <Handle />}
      {!low && more && <More {...props} />}
      {!low && !more && (
        <section class="p-body" aria-label={task.title}>
          <header class={sheet.value ? "hidden" : "p-top"}>
            <h2>{task.title}</h2>
          </header>
          {!batch && <PictureNotes task={task} picture={picture} values={values} />}
          {batch && <BatchHelp task={task} picture={picture} values={values} />}
          {!batch && text.panel.intro[task.name] && <p class="p-help">{text.panel.intro[task.name]}</p>}
          <Body {...props} />
          {!batch && PREVIEWED.includes(task.name) && <Preview {...props} />}
          {sheet.value && <div class="p-after">{after}</div>}
        </section>
      )}
      <Run
        task={task}
        picture={picture}
        batch={batch}
        label={batch || request.task === task.name ? undefined : text.panel.repair.fill}
        count={ready.value.length}
        starting={starting || startingBatch.value}
        missing={missing}
        wrong={rest}
        failed={failed !== null}
        old={old}
        onRun={() => void (batch ? startBatch() : run(request))}
        onAgain={() => void run(request)}
      >
        {!sheet.value && after}
      </Run>
      {!low && !more && !batch && <Results />}
    </div>
  );
}

/** The options of the chosen task for the chosen picture, its main button, and the result that is shown. */
export function Panel() {
  const task = chosenTask.value;
  const picture = chosenPicture.value;
  useKeyed(`${task?.name}/${picture?.id}`, () => {
    moreOpen.value = false;
    moreAt.value = null;
    return undefined;
  });
  if (task === null || picture === null) return null;
  return <TaskPanel key={`${task.name}/${picture.id}`} task={task} picture={picture} />;
}
