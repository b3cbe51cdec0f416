import { useRef } from "preact/hooks";
import { forget } from "../store/actions";
import { latestJob } from "../store/data";
import { inView } from "../store/stage";
import { text } from "../text/en";
import { Field } from "./controls/Field";
import { Switch } from "./controls/inputs";
import { Icon } from "./icons";
import type { PanelProps } from "./panels";
import { previewRequest, stable } from "./requests";
import { autoPreview } from "./state";
import { useKeyed, usePreviews } from "./use";

const t = text.panel.preview;

/** A quick try of the options on the part of the picture in view. */
export function Preview({ task, picture, values }: PanelProps) {
  const previews = usePreviews();
  const box = inView.value;
  const request = box === null ? null : previewRequest(task, picture, values, box);
  const key = stable([task.name, picture.id, values]);
  const last = useRef(key);
  const latest = latestJob(picture.id, task.name, "preview");
  const shown = latest !== null && latest.results.length > 0 ? latest : null;

  function close(): void {
    previews.drop();
    if (shown !== null) void forget(shown.id);
  }

  // After a change of the options, not when the panel is opened or the view is moved.
  useKeyed(key, () => {
    if (last.current === key) return undefined;
    last.current = key;
    if (autoPreview.value && request !== null) previews.ask(request);
    else close();
    return undefined;
  });

  return (
    <div class="p-preview">
      <div class="p-row">
        <button
          type="button"
          class="button p-grow"
          disabled={request === null}
          onClick={() => request && previews.now(request)}
        >
          <Icon name="eye" />
          {previews.working ? t.working : t.now}
        </button>
        {(shown || previews.working) && (
          <button
            type="button"
            class="icon-button"
            aria-label={previews.working ? text.panel.cancel : t.close}
            title={previews.working ? text.panel.cancel : t.close}
            onClick={previews.working ? previews.drop : close}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
      <Field label={t.auto} beside>
        {(described) => (
          <Switch
            described={described}
            on={autoPreview.value}
            onValue={(on) => {
              autoPreview.value = on;
            }}
          />
        )}
      </Field>
      {previews.wrong !== null && previews.wrong.option === null && (
        <p class="p-error" role="alert">
          {previews.wrong.message}
        </p>
      )}
      <p class="hidden" role="status">
        {previews.working ? t.working : shown ? t.shown : ""}
      </p>
    </div>
  );
}
