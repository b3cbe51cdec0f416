import { effect, signal } from "@preact/signals";
import { api } from "../api/client";
import type { Option, Options, Picture, Task } from "../api/types";
import { optionsOf, task } from "./choice";
import { inputs, tasks } from "./data";
import { view } from "./shell";
import { onStrokes } from "./sync";

/**
 * What belongs to one picture and is not shared by the pictures of a batch: its mask, the places in it, the pages
 * of its file, another file made of the same scene.
 */

/** Options that say where in a picture, or in its file. */
export const PLACES = ["at", "box"];
const OWN = [...PLACES, "pages", "infrared", "invert_mask"];
/** Options of one map, which a file of several pictures cannot have. */
const MAP = ["uncertainty", "uncertainty_samples"];

export const isOwn = ({ name, accepts }: Pick<Option, "name" | "accepts">): boolean =>
  accepts === "mask" || OWN.includes(name);

const shared = new WeakMap<Task, Task>();

/** A task with those of its options that pictures of a batch share. */
export function sharedTask(of: Task): Task {
  const known = shared.get(of);
  if (known) return known;
  const groups = of.groups.map((group) => ({
    ...group,
    options: group.options.filter((option) => !isOwn(option)),
  }));
  const made = { ...of, groups: groups.filter(({ options }) => options.length > 0) };
  shared.set(of, made);
  return made;
}

function part(of: Task, options: Options, own: boolean): Options {
  const names = new Set(of.groups.flatMap((group) => group.options.filter(isOwn).map(({ name }) => name)));
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.has(name) === own));
}

/** Those of a task's options that belong to the picture they were set for. */
export const ownPart = (of: Task, options: Options): Options => part(of, options, true);

const isSet = (value: unknown) =>
  value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);

/** Whether a job of a picture restores several: of these no map can be made. */
function isSeveral({ pages }: Picture, options: Options): boolean {
  return pages > 1 && !/^\s*\d+\s*$/.test(String(options.pages ?? ""));
}

/** Whether the map that is asked for is left out for a picture. */
export const lacksMap = (picture: Picture, of: Task, options: Options): boolean =>
  options.uncertainty === true && isSeveral(picture, optionsOf(picture.id, of.name));

/** The options of a picture of a batch: those that all share, and its own. */
export function batchOptions(picture: Picture, of: Task, options: Options): Options {
  const own = part(of, optionsOf(picture.id, of.name), true);
  const all = { ...part(of, options, false), ...own };
  if (!lacksMap(picture, of, options)) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => !MAP.includes(name)));
}

/** Whether each picture has a mask, as far as that is known. */
const masked = signal<ReadonlyMap<string, boolean>>(new Map());

export function knowMask(picture: string, has: boolean): void {
  if (masked.value.get(picture) !== has) masked.value = new Map(masked.value).set(picture, has);
}

/** Whether a picture lacks the mask or the places that a task needs; of masks it may not be known yet. */
export function lacks(picture: Picture, of: Task): boolean {
  if (of.needs === "mask") return masked.value.get(picture.id) === false;
  if (of.needs !== "place") return false;
  const own = optionsOf(picture.id, of.name);
  return !PLACES.some((name) => isSet(own[name]));
}

async function ask(picture: string): Promise<void> {
  try {
    const { strokes } = await api.strokes(picture);
    knowMask(
      picture,
      strokes.some(({ erase }) => !erase),
    );
  } catch {
    // It is asked for again when the job is started, and then told.
  }
}

/** While the table is open and the task needs masks, finds out which pictures have one. */
export function followMasks(): () => void {
  const wanted = () => view.value === "table" && task.value?.needs === "mask";
  const asked = new Set<string>();
  const undo = [
    effect(() => {
      if (!wanted() || tasks.value.length === 0) return asked.clear();
      for (const { id } of inputs.value) {
        if (asked.has(id)) continue;
        asked.add(id);
        void ask(id);
      }
    }),
    onStrokes(({ picture }) => {
      if (wanted()) void ask(picture);
    }),
  ];
  return () => undo.forEach((each) => void each());
}
