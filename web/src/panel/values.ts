// The values of a task's options. What is not set is left to the command, which knows its defaults best.
import type { Option, Task } from "../api/types";

export type Values = Readonly<Record<string, unknown>>;

/** All options of a task, in the order of its groups. */
export function optionsOf(task: Task): Option[] {
  return task.groups.flatMap((group) => group.options);
}

/** The option of a task by its name, where it has one. */
export function optionOf(task: Task | undefined, name: string): Option | undefined {
  return task === undefined ? undefined : optionsOf(task).find((option) => option.name === name);
}

/** Whether two values of an option are the same; lists are compared by their parts. */
export function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => same(each, other[index]));
  }
  return one === other;
}

/** Whether a value says nothing, so that the command's default holds. */
export function isUnset(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}

/** Whether an option is set to something else than its default. */
export function isChanged(option: Option, values: Values): boolean {
  const value = values[option.name];
  return !isUnset(value) && !same(value, option.default);
}

/** The value in force: what is set, else the default of the catalogue, which may be null. */
export function inForce(option: Option, values: Values): unknown {
  const value = values[option.name];
  return isUnset(value) ? option.default : value;
}

/** Set an option; a value that is its default is left out, so that the command stays short. */
export function withValue(values: Values, option: Option | undefined, name: string, value: unknown): Values {
  const { [name]: _, ...rest } = values;
  const plain = isUnset(value) || (option !== undefined && same(value, option.default));
  return plain ? rest : { ...rest, [name]: value };
}

/** Forget some options. */
export function without(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

/** The options of a task that differ from their defaults. */
export function changedOptions(task: Task, values: Values): Option[] {
  return optionsOf(task).filter((option) => isChanged(option, values));
}

/** What is sent with a job: what differs from the defaults and is known to the task. */
export function optionsToSend(task: Task, values: Values): Record<string, unknown> {
  return Object.fromEntries(changedOptions(task, values).map((option) => [option.name, values[option.name]]));
}

/**
 * Read what was typed into a field of numbers. What is no number is sent as it is typed: the command line's
 * own words then tell what is wrong with it.
 */
export function typed(option: Option, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (option.type !== "integer" && option.type !== "number") return trimmed;
  const value = Number(trimmed.replace(/^([+-]?\d*),(\d+)$/, "$1.$2"));
  return Number.isFinite(value) ? value : trimmed;
}

/** The three states of a switch that can be said yes or no to, or be left to the command. */
export type Tri = "default" | "on" | "off";

export function triOf(value: unknown): Tri {
  return value === true ? "on" : value === false ? "off" : "default";
}

export function valueOfTri(tri: Tri): boolean | null {
  return tri === "default" ? null : tri === "on";
}

/** The lines of an option that may be given several times. */
export function linesOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join("\n");
  return isUnset(value) ? "" : String(value);
}

export function valueOfLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** The seed after a throw of the dice: another one, small enough to be read and typed. */
export function thrownSeed(current: unknown, random: () => number = Math.random): number {
  const seed = Math.floor(random() * 100000);
  return seed === current ? (seed + 1) % 100000 : seed;
}
