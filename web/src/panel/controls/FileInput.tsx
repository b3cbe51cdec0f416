import { useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { text } from "../../text/en";
import { Icon } from "../icons";
import { fileNames, nameFile, type Wrong, wrongOf } from "../state";
import type { Described } from "./Field";

interface FileInputProps {
  described: Described;
  label: string;
  value: unknown;
  multiple: boolean;
  accept?: string | undefined;
  onValue: (value: string | string[] | null) => void;
}

function idsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" && value !== "" ? [value] : [];
}

/** Files that an option names: they are sent to the server, and the option's value is what it calls them. */
export function FileInput({ described, label, value, multiple, accept, onValue }: FileInputProps) {
  const input = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState(false);
  const [wrong, setWrong] = useState<Wrong | null>(null);
  const ids = idsOf(value);
  const words = ids.length > 0 && multiple ? text.panel.more.another : text.panel.more.file;

  async function send(files: FileList | null): Promise<void> {
    if (files === null || files.length === 0) return;
    setSending(true);
    setWrong(null);
    try {
      const sent: string[] = [];
      for (const file of multiple ? [...files] : [...files].slice(0, 1)) {
        const asset = await api.asset(file);
        nameFile(asset.id, asset.name);
        sent.push(asset.id);
      }
      onValue(multiple ? [...ids, ...sent] : (sent[0] ?? null));
    } catch (error) {
      setWrong(wrongOf(error));
    } finally {
      setSending(false);
    }
  }

  function remove(id: string): void {
    const rest = ids.filter((each) => each !== id);
    onValue(multiple && rest.length > 0 ? rest : null);
  }

  return (
    <div class="p-files">
      {ids.map((id) => {
        const name = fileNames.value[id] ?? id;
        return (
          <span class="p-file" key={id}>
            <span class="p-file-name" title={name}>
              {name}
            </span>
            <button
              type="button"
              class="icon-button p-small"
              aria-label={text.panel.more.remove(name)}
              onClick={() => remove(id)}
            >
              <Icon name="close" size={14} />
            </button>
          </span>
        );
      })}
      {(multiple || ids.length === 0) && (
        <button
          {...described}
          type="button"
          class="button"
          disabled={sending}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            event.stopPropagation();
            void send(event.dataTransfer?.files ?? null);
          }}
          onClick={() => input.current?.click()}
        >
          <Icon name="upload" />
          {sending ? text.panel.more.uploading : words}
        </button>
      )}
      <input
        ref={input}
        type="file"
        hidden
        tabIndex={-1}
        aria-label={label}
        multiple={multiple}
        accept={accept}
        onChange={(event) => {
          const chosen = event.currentTarget;
          void send(chosen.files).then(() => {
            chosen.value = "";
          });
        }}
      />
      {wrong && (
        <p class="p-error" role="alert">
          {wrong.message}
        </p>
      )}
    </div>
  );
}
