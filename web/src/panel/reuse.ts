// The options of a job, set anew.
import type { Job } from "../api/types";
import { chooseTask, optionsOf, picture, setOptions, task } from "../store/choice";
import { pictures, tasks } from "../store/data";
import { titleOf } from "../store/history";
import { maskOf, setMask } from "../store/mask";
import { say } from "../store/notices";
import { text } from "../text/en";
import { requestOf } from "./request_of";
import { stable } from "./requests";
import { startValues } from "./shown";
import { optionsToSend } from "./values";

/** Whether the panel is set to what a job was done with, apart from its mask, which jobs do not tell. */
export function usesOptionsOf(job: Job): boolean {
  const of = pictures.value.get(job.picture);
  const what = task.value;
  if (of === undefined || what === null || picture.value?.id !== of.id) return false;
  const wanted = requestOf(what, of, startValues(what, optionsOf(of.id, what.name)));
  const made = tasks.value.find(({ name }) => name === job.task);
  if (made === undefined || wanted.task !== job.task) return false;
  return stable(wanted.options ?? {}) === stable(optionsToSend(made, job.options));
}

/** Set the task and the options of the panel to those of a job. */
export function reuse(job: Job): void {
  setOptions(job.picture, job.task, job.options);
  if (job.task === "inpaint") {
    const widened = (name: string) => {
      const value = job.options[name];
      return typeof value === "number" ? value : 0;
    };
    const mask = maskOf(job.picture);
    setMask(job.picture, { ...mask, grow: widened("grow"), feather: widened("feather") });
  }
  chooseTask(job.task);
  say(text.panel.result.reused(titleOf(job.task)));
}

/** The same at a link, which goes once it was followed: what comes next is the main button. */
export function followReuse(job: Job): void {
  reuse(job);
  setTimeout(() => document.querySelector<HTMLElement>(".p-main")?.focus());
}
