import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Job, JobRequest, Picture, Strokes, Task } from "../api/types";
import { start } from "../store/actions";
import { chosen, startBatch, starting as startingBatch } from "../store/batch";
import { picture as chosenPicture, task as chosenTask, options, setOptions } from "../store/choice";
import { maskOf } from "../store/mask";
import { sheetHeight as height, sheet, view } from "../store/shell";
import { text } from "../text/en";
import { Command } from "./Command";
import { told } from "./errors";
import { pictureNotes } from "./facts";
import { Icon } from "./icons";
import { More } from "./More";
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
import { changedOptions, optionOf, optionsOf, type Values, withValue } from "./values";
import { Words } from "./Words";
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
    if (values !== options.value) setOptions(picture.id, task.name, values);
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

function TaskPanel({ task, picture }: { task: Task; picture: Picture }) {
  const [values, setAll] = useValues(task, picture);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [starting, setStarting] = useState(false);
  const batch = view.value === "table";
  const missing = batch ? "" : missingOf(task, picture, values);
  const request = requestOf(task, picture, values);
  const checked = useChecked(
    missing === "" && !(batch && task.needs === "mask") ? checkedRequest(request) : null,
  );
  const failed = failedJob(picture.id);
  const more = moreOpen.value;

  const seen = more ? optionsOf(task).map(({ name }) => name) : visibleOptions(task, values);
  const { errorOf, rest } = told(
    task,
    [current(refused, values, picture), checked.wrong, failure(failed, request)],
    seen,
  );
  const set = (name: string, value: unknown) => setAll(withValue(values, optionOf(task, name), name, value));
  const props: PanelProps = { task, picture, batch, values, set, setAll, errorOf };
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
    task,
    changedOptions(task, values).map(({ name }) => name),
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
          {!batch &&
            pictureNotes(picture).map(({ line, bad }) => (
              <p key={line} class={bad ? "p-error" : "p-help"}>
                <Words of={line} />
              </p>
            ))}
          {batch && <p class="p-help">{text.panel.batchHelp(chosen.value.length)}</p>}
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
        label={request.task === task.name ? undefined : text.panel.repair.fill}
        count={chosen.value.length}
        starting={starting || startingBatch.value}
        missing={missing}
        wrong={rest}
        failed={failed !== null}
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
  useKeyed(task?.name ?? "", () => {
    moreOpen.value = false;
    moreAt.value = null;
    return undefined;
  });
  if (task === null || picture === null) return null;
  return <TaskPanel key={`${task.name}/${picture.id}`} task={task} picture={picture} />;
}
