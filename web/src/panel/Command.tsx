import { useState } from "preact/hooks";
import { say } from "../store/notices";
import { text } from "../text/en";
import { Icon } from "./icons";

const t = text.panel.command;

async function copied(line: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(line);
    return true;
  } catch {
    // Without a secure context there is no clipboard; an old command of browsers still copies a selection.
    const field = document.createElement("textarea");
    field.value = line;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** The command line that does the same, for copying. `title` says the same as what. */
export function Command({ command, title = t.title }: { command: string; title?: string }) {
  const [open, setOpen] = useState(false);
  const [state, setState] = useState<"" | "copied" | "failed">("");
  if (command === "") return null;

  async function copy(): Promise<void> {
    const done = await copied(command);
    setState(done ? "copied" : "failed");
    say(done ? t.copied : t.failed);
    if (!done) setOpen(true);
    setTimeout(() => setState(""), 2000);
  }

  return (
    <div class="p-command">
      <button
        type="button"
        class={`p-line${open ? " p-open" : ""}`}
        aria-expanded={open}
        aria-label={`${title}: ${command}`}
        title={title}
        onClick={() => setOpen(!open)}
      >
        <code>{command}</code>
      </button>
      <button
        type="button"
        class="icon-button p-small"
        aria-label={t.copy}
        title={t.copy}
        onClick={() => void copy()}
      >
        <Icon name={state === "copied" ? "check" : "copy"} />
      </button>
      {state === "failed" && (
        <p class="p-error" role="alert">
          {t.failed}
        </p>
      )}
    </div>
  );
}
