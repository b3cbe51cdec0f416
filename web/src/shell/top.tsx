import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Picture } from "../api/types";
import { Icon } from "../parts/icon";
import { Ring } from "../parts/progress";
import { reveal } from "../parts/reveal";
import { Thumbnail } from "../parts/thumbnail";
import { choosePicture, picture } from "../store/choice";
import { inputs, work } from "../store/data";
import { closePicture } from "../store/history";
import { openPanel, panelOpen, queueOpen, sheet, view, wide } from "../store/shell";
import { text } from "../text/en";
import { chooseFiles } from "./files";

function Tab({ picture: each, current }: { picture: Picture; current: boolean }) {
  const job = useComputed(() => work.value.find((other) => other.picture === each.id)).value;
  return (
    <li class={current ? "tab current" : "tab"} data-picture={each.id}>
      <button
        type="button"
        class="tab-name"
        aria-current={current ? "true" : undefined}
        title={each.name}
        onClick={() => {
          choosePicture(each.id);
          view.value = "picture";
        }}
        onAuxClick={(event) => event.button === 1 && void closePicture(each.id)}
      >
        {job ? (
          <Ring share={job.progress?.share ?? 0} size={16} />
        ) : (
          <Thumbnail id={each.id} width={20} height={20} />
        )}
        <span>{each.name}</span>
        {job && <span class="hidden">{text.tabs.busy}</span>}
      </button>
      <button
        type="button"
        class="tab-close"
        aria-label={text.tabs.close(each.name)}
        title={text.tabs.close(each.name)}
        onClick={() => void closePicture(each.id)}
      >
        <Icon name="close" size={14} />
      </button>
    </li>
  );
}

function QueueButton() {
  const list = work.value;
  if (list.length === 0 && inputs.value.length === 0) return null;
  const label = text.queue.open(list.length);
  return (
    <button
      type="button"
      class="icon-button queue-button"
      aria-label={label}
      title={`${label} (Q)`}
      aria-expanded={queueOpen.value}
      aria-controls="queue"
      onClick={() => {
        queueOpen.value = !queueOpen.value;
      }}
    >
      {list[0] ? <Ring share={list[0].progress?.share ?? 0} /> : <Icon name="queue" />}
      {list.length > 1 && <span class="count">{list.length}</span>}
    </button>
  );
}

/** Above the picture: the open pictures, and what opens the table, the queue and the panel. */
export function Top() {
  const list = useRef<HTMLUListElement>(null);
  const current = picture.value?.id;
  const table = view.value === "table";
  useEffect(() => {
    reveal(list.current, `[data-picture="${current ?? ""}"]`);
  }, [current]);
  const many = inputs.value.length > 0;
  return (
    <header class="top">
      <nav aria-label={text.shell.pictures} class="tabs">
        <ul ref={list}>
          {inputs.value.map((each) => (
            <Tab key={each.id} picture={each} current={!table && each.id === current} />
          ))}
        </ul>
        {many && (
          <button
            type="button"
            class="icon-button"
            aria-label={text.tabs.open}
            title={`${text.tabs.open} (O)`}
            onClick={() => chooseFiles(false)}
          >
            <Icon name="plus" />
          </button>
        )}
      </nav>
      <div class="top-end">
        {many && (
          <button
            type="button"
            class="icon-button"
            aria-pressed={table}
            aria-label={text.tabs.table}
            title={`${text.tabs.table} (T)`}
            onClick={() => {
              view.value = table ? "picture" : "table";
            }}
          >
            <Icon name="table" />
          </button>
        )}
        <QueueButton />
        {many && !wide.value && !sheet.value && (
          <button
            type="button"
            class="icon-button"
            aria-label={panelOpen.value ? text.shell.closePanel : text.shell.openPanel}
            title={text.shell.panel}
            aria-expanded={panelOpen.value}
            aria-controls="panel"
            onClick={() => {
              openPanel(!panelOpen.value);
            }}
          >
            <Icon name="sliders" />
          </button>
        )}
      </div>
    </header>
  );
}
