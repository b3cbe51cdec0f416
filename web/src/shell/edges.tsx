import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/icon";
import { connection } from "../store/data";
import { type Key, keyList } from "../store/keys";
import { dismiss, notices, said } from "../store/notices";
import { dragging, keysOpen } from "../store/shell";
import { load } from "../store/sync";
import { text } from "../text/en";

/** A line over the page while the server is not reached. */
export function Banner() {
  if (connection.value !== "lost") return null;
  return (
    <div class="banner" role="alert">
      <p>
        <strong>{text.server.lost}</strong> {text.server.lostLine}
      </p>
      <button type="button" class="button" onClick={() => void load()}>
        {text.server.again}
      </button>
    </div>
  );
}

export function Notices() {
  return (
    <div class="notices">
      {notices.value.map(({ id, kind, text: line }) => (
        <div key={id} class={`card notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
          <p>{line}</p>
          <button
            type="button"
            class="icon-button"
            aria-label={text.shell.dismiss}
            title={text.shell.dismiss}
            onClick={() => dismiss(id)}
          >
            <Icon name="close" size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}

/** What screen readers are told. */
export function Said() {
  return (
    <div class="hidden" role="status" aria-live="polite">
      {said.value}
    </div>
  );
}

export function DropHint() {
  if (!dragging.value) return null;
  return (
    <div class="drop-hint" aria-hidden="true">
      <p>{text.empty.drop}</p>
    </div>
  );
}

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

function Cap({ name }: { name: string }) {
  const names = text.keySheet.names;
  const parts = name.split(/(?<=.)\+(?=.)/).map((part) => {
    const word = part === "Ctrl" && MAC ? "Command" : part;
    return names[word] ?? (word.length === 1 ? word.toUpperCase() : word);
  });
  return (
    <span class="caps">
      {parts.map((part) => (
        <kbd key={part}>{part}</kbd>
      ))}
    </span>
  );
}

/** Keys that do the same share a line. */
function joined(keys: Key[], added: Key): Key[] {
  const same = keys.find(({ does }) => does === added.does);
  if (!same) return [...keys, added];
  return keys.map((key) => (key === same ? { ...key, keys: [...key.keys, ...added.keys] } : key));
}

/** The sheet of all keys. */
export function Keys() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = keysOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
  }, [open]);
  if (!open) return null;
  const groups = new Map<string, Key[]>();
  for (const key of keyList.value) groups.set(key.group, joined(groups.get(key.group) ?? [], key));
  const shut = () => {
    keysOpen.value = false;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a dialog is closed by Escape
    <dialog
      ref={dialog}
      class="keys"
      aria-labelledby="keys-title"
      onClose={shut}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <header>
        <h2 id="keys-title">{text.keySheet.title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label={text.shell.close}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="keys-body" tabIndex={0} role="group" aria-labelledby="keys-title">
        {[...groups].map(([group, keys]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {keys.map((key) => (
                <div key={key.does}>
                  <dt>{key.does}</dt>
                  <dd>
                    {key.keys.map((name) => (
                      <Cap key={name} name={name} />
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
