// Which options a panel shows itself; all others are under "More options".
import type { Task } from "../api/types";
import { readKernel } from "./kernels";
import { sizeBy } from "./sizes";
import { inForce, optionOf, optionsOf, type Values } from "./values";

const DRAWN = ["estimate", "samples", "seed"];

const PANELS: Record<string, string[]> = {
  inpaint: ["grow", "feather", ...DRAWN],
  denoise: ["strength", "luma", "chroma", "specks", "page"],
  upscale: ["scale", "width", "height", "max_side", "estimate"],
  dejpeg: ["quality", "estimate"],
  repair: ["sensitivity", "only"],
  erase: ["box", "at", "grow", ...DRAWN],
  colorize: DRAWN,
  deblur: ["kernel", "sigma"],
  solve: ["operator", "operators", "sigma", ...DRAWN],
  vary: ["strength", "samples", "seed"],
};

const MOST = 4;

/** The names of the options that the panel of a task can show, those that the task has. */
export function panelOptions(task: Task): string[] {
  const known = PANELS[task.name];
  if (known !== undefined) return known.filter((name) => optionOf(task, name) !== undefined);
  // A task without a panel of its own shows the first of those that are often used.
  return (task.groups[0]?.options ?? []).slice(0, MOST).map(({ name }) => name);
}

/** Those that are on the panel now: the samples and the seed only where something is drawn, and so on. */
export function visibleOptions(task: Task, values: Values): string[] {
  const estimate = optionOf(task, "estimate");
  const drawn = estimate === undefined || inForce(estimate, values) !== "mean";
  const apart = isApart(values);
  return panelOptions(task).filter((name) => {
    if (name === "samples" || name === "seed") return drawn;
    if (name === "luma" || name === "chroma") return apart;
    if (task.name === "upscale" && name !== "estimate") return name === sizeBy(values);
    return true;
  });
}

/** Whether the noise in brightness and in colour is told apart. */
export function isApart(values: Values): boolean {
  return values.luma !== undefined || values.chroma !== undefined;
}

/** What a command must be told, and what the panel starts with. */
export function startValues(task: Task, values: Values): Values {
  if (
    task.name === "upscale" &&
    ["scale", "width", "height", "max_side"].every((name) => !(name in values))
  ) {
    return optionOf(task, "scale") ? { ...values, scale: 2 } : values;
  }
  if (task.name === "deblur" && readKernel(values.kernel) === null && values.kernel === undefined) {
    return optionOf(task, "kernel") ? { ...values, kernel: "gaussian:1.5" } : values;
  }
  return values;
}

/** How many options under "More options" are changed. */
export function hiddenChanges(task: Task, changed: readonly string[]): number {
  const shown = panelOptions(task);
  return optionsOf(task).filter(({ name }) => changed.includes(name) && !shown.includes(name)).length;
}
