// At which control an error of the server is told.
import type { Task } from "../api/types";
import type { Wrong } from "./state";
import { optionOf } from "./values";

export interface Told {
  /** What is told beside a field that is seen. */
  errorOf: (name: string) => string | null;
  /** What has no field that is seen: told at the main button. */
  rest: Wrong | null;
}

/**
 * Divide errors, the most important first, among the fields that are seen and the main button. Of each field,
 * and at the button, only the first error is told.
 */
export function told(task: Task, wrongs: readonly (Wrong | null)[], seen: readonly string[]): Told {
  const all = wrongs.filter((wrong): wrong is Wrong => wrong !== null);
  const fields = new Map<string, string>();
  let rest: Wrong | null = null;
  for (const wrong of all) {
    const name = wrong.option;
    if (name !== null && seen.includes(name)) {
      if (!fields.has(name)) fields.set(name, wrong.message);
    } else if (rest === null) {
      rest = name === null || optionOf(task, name) ? wrong : { ...wrong, option: null };
    }
  }
  return { errorOf: (name) => fields.get(name) ?? null, rest };
}
