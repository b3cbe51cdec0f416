import { effect, type Signal, signal } from "@preact/signals";

/** A signal that lives as long as the tab: a reload of the page finds its value again. */
export function kept<T>(name: string, initial: T): Signal<T> {
  const key = `restore.${name}`;
  let value = initial;
  try {
    const stored = sessionStorage.getItem(key);
    if (stored !== null) value = JSON.parse(stored) as T;
  } catch {
    // Storage is blocked or holds something else: the page works without.
  }
  const made = signal(value);
  effect(() => {
    try {
      sessionStorage.setItem(key, JSON.stringify(made.value));
    } catch {
      // Full or blocked: the value is only lost by a reload.
    }
  });
  return made;
}
