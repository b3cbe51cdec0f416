// Finding an option among the many of a task.
import type { Group, Option, Task } from "../api/types";
import { isChanged, type Values } from "./values";

/** The name of an option as a label: "max_side" is "Max side". */
export function labelOf(option: Option): string {
  const words = option.flag.replace(/^-+/, "").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function folded(text: string): string {
  return text.toLowerCase().replace(/[-_]+/g, " ");
}

/** How well an option fits words: 0 not at all, 1 by its help text, 2 by its name. */
export function rank(option: Option, query: string): 0 | 1 | 2 {
  const words = folded(query)
    .split(/\s+/)
    .filter((word) => word !== "");
  const name = folded(`${option.name} ${option.flag} ${option.no_flag ?? ""}`);
  const all = `${name} ${folded(option.help)} ${folded((option.choices ?? []).join(" "))}`;
  if (words.every((word) => name.includes(word))) return 2;
  return words.every((word) => all.includes(word)) ? 1 : 0;
}

/**
 * The groups with the options that fit a query, or that are changed; groups without any are left out. Within
 * a group those that fit by their names come first.
 */
export function found(task: Task, query: string, values: Values, onlyChanged = false): Group[] {
  const groups = task.groups.map((group) => ({
    heading: group.heading,
    options: group.options
      .filter((option) => rank(option, query) > 0 && (!onlyChanged || isChanged(option, values)))
      .sort((one, other) => (query.trim() === "" ? 0 : rank(other, query) - rank(one, query))),
  }));
  return groups.filter((group) => group.options.length > 0);
}
