import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/icon";
import { reveal } from "../parts/reveal";
import { chooseTask, task } from "../store/choice";
import { session, tasks } from "../store/data";
import { say } from "../store/notices";
import { keysOpen, openPanel, panelOpen } from "../store/shell";
import { text } from "../text/en";

/** Chooses a task; where the panel slides over, the chosen task again shows or hides it. */
export function pick(name: string): void {
  const same = task.value?.name === name;
  openPanel(!same || !panelOpen.value);
  chooseTask(name);
  if (!same && task.value) say(text.says.chosen(task.value.title));
}

export function stepTask(by: number): void {
  const all = tasks.value;
  const at = all.findIndex(({ name }) => name === task.value?.name);
  const next = all[(at + by + all.length) % all.length];
  if (next) {
    chooseTask(next.name);
    say(text.says.chosen(next.title));
  }
}

/** The tasks: a column at the left, a row at the bottom of narrow pages. */
export function Rail() {
  const list = useRef<HTMLUListElement>(null);
  const current = task.value?.name;
  useEffect(() => {
    reveal(list.current, `[data-task="${current ?? ""}"]`);
  }, [current]);
  return (
    <nav class="rail" aria-label={text.shell.tasks}>
      <span class="mark" aria-hidden="true" title={`restore ${session.value?.version ?? ""}`}>
        <Mark />
      </span>
      <ul ref={list}>
        {tasks.value.map(({ name, title, summary }) => (
          <li key={name}>
            <button
              type="button"
              class="task"
              data-task={name}
              aria-current={current === name ? "true" : undefined}
              title={summary}
              onClick={() => pick(name)}
            >
              <Icon name={name} size={22} />
              <span>{title}</span>
            </button>
          </li>
        ))}
      </ul>
      <button
        type="button"
        class="icon-button keys-button"
        aria-label={text.shell.showKeys}
        title={`${text.shell.showKeys} (?)`}
        onClick={() => {
          keysOpen.value = true;
        }}
      >
        <Icon name="keys" />
      </button>
    </nav>
  );
}

export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 5a11 11 0 0 0 0 22Z" fill="currentColor" />
      <path d="M16 5.75a10.25 10.25 0 0 1 0 20.5" fill="none" stroke="var(--accent)" stroke-width="1.5" />
    </svg>
  );
}
