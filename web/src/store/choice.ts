import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Job, Options, Picture, Task } from "../api/types";
import { inputs, jobs, jobsOf, pictures, resultsOf, tasks } from "./data";
import { kept } from "./kept";

/** The chosen picture (an id of an input). Null, or one that is gone, means the first. */
const pictureId = kept<string | null>("picture", null);
const taskName = kept<string>("task", "inpaint");

export const picture: ReadonlySignal<Picture | null> = computed(() => {
  const chosen = pictureId.value === null ? undefined : pictures.value.get(pictureId.value);
  return chosen?.kind === "input" ? chosen : (inputs.value[0] ?? null);
});
export const task: ReadonlySignal<Task | null> = computed(
  () => tasks.value.find(({ name }) => name === taskName.value) ?? tasks.value[0] ?? null,
);

export function choosePicture(id: string): void {
  pictureId.value = id;
}

export function chooseTask(name: string): void {
  taskName.value = name;
}

/** The result shown for each input: the id of a picture of kind "result"; "" where the input alone is shown. */
const shownOf = kept<Record<string, string>>("shown", {});

function lastResult(of: string): string | null {
  const done = jobsOf(of).filter((job) => resultsOf(job).length > 0);
  const last = done[done.length - 1];
  return (last && resultsOf(last)[0]?.id) ?? null;
}

/** The result that the stage compares with the chosen picture. */
export const shown: ReadonlySignal<Picture | null> = computed(() => {
  const of = picture.value;
  if (!of) return null;
  const chosen = shownOf.value[of.id];
  if (chosen === "") return null;
  const there = chosen === undefined ? undefined : pictures.value.get(chosen);
  const id = there ? there.id : lastResult(of.id);
  return id === null ? null : (pictures.value.get(id) ?? null);
});

/** The job that made what is shown. */
export const shownJob: ReadonlySignal<Job | null> = computed(() => {
  const made = shown.value?.job;
  return made ? (jobs.value.get(made) ?? null) : null;
});

/** The uncertainty map that belongs to what is shown. */
export const shownMap: ReadonlySignal<Picture | null> = computed(() => {
  const map = shownJob.value?.map;
  return map ? (pictures.value.get(map) ?? null) : null;
});

/** The failed job of each input whose error is told: chosen in the strip, until something else is. */
const failures = signal<Record<string, string>>({});
export const failure: ReadonlySignal<Job | null> = computed(() => {
  const id = failures.value[picture.value?.id ?? ""];
  const job = id === undefined ? undefined : jobs.value.get(id);
  return job?.status === "failed" ? job : null;
});

/** Tells the error of a failed job of `of`, or with null none. */
export function tellFailure(of: string, job: string | null): void {
  const { [of]: _, ...others } = failures.value;
  failures.value = job === null ? others : { ...others, [of]: job };
}

/** Shows a result of `of`, or with null the picture alone. */
export function show(of: string, result: string | null): void {
  tellFailure(of, null);
  shownOf.value = { ...shownOf.value, [of]: result ?? "" };
}

/** The options set for each picture and task; what is not there has the default. */
const optionsByKey = kept<Record<string, Options>>("options", {});
const keyOf = (of: string, name: string) => `${of}/${name}`;
const none: Options = {};

export function optionsOf(of: string, name: string): Options {
  return optionsByKey.value[keyOf(of, name)] ?? none;
}

/** The options of the chosen picture and task. */
export const options: ReadonlySignal<Options> = computed(() =>
  picture.value && task.value ? optionsOf(picture.value.id, task.value.name) : none,
);

export function setOptions(of: string, name: string, values: Options): void {
  optionsByKey.value = { ...optionsByKey.value, [keyOf(of, name)]: values };
}
