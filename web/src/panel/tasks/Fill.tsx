import { useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { model } from "../../stage/mask";
import { maskOf, setMask } from "../../store/mask";
import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { Slider } from "../controls/inputs";
import { saveBlob, stem } from "../download";
import { Icon } from "../icons";
import { Drawing, type PanelProps } from "../panels";
import { hasHole } from "../requests";
import { type Wrong, wrongOf } from "../state";

const t = text.panel.fill;

/** The mask as a file, to and fro. */
export function MaskFiles({ picture }: Pick<PanelProps, "picture">) {
  const input = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState<Wrong | null>(null);
  const [sending, setSending] = useState(false);
  const [notes, setNotes] = useState<string[]>([]);
  const mask = maskOf(picture.id);

  async function upload(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    setSending(true);
    setWrong(null);
    setNotes([]);
    try {
      const region = await api.uploadRegion(picture.id, file);
      model.value?.addRegion(region);
      setNotes(region.notes ?? []);
    } catch (error) {
      setWrong(wrongOf(error));
    } finally {
      setSending(false);
    }
  }

  async function download(): Promise<void> {
    setWrong(null);
    try {
      saveBlob(await api.mask(picture.id, mask.strokes), `${stem(picture.name)}-mask.png`);
    } catch (error) {
      setWrong(wrongOf(error));
    }
  }

  return (
    <Field label={t.mask} group error={wrong?.message} help={notes.join(" ")}>
      {() => (
        <div class="p-row">
          <button
            type="button"
            class="button"
            disabled={sending}
            title={t.uploadHelp}
            onClick={() => input.current?.click()}
          >
            <Icon name="upload" />
            {t.upload}
          </button>
          <button type="button" class="button" disabled={!hasHole(mask)} onClick={() => void download()}>
            <Icon name="download" />
            {t.download}
          </button>
          <input
            ref={input}
            type="file"
            hidden
            tabIndex={-1}
            aria-label={`${t.mask}: ${t.upload}`}
            accept="image/*,.tif,.tiff"
            onChange={(event) => {
              const chosen = event.currentTarget;
              void upload(chosen.files?.[0]).then(() => {
                chosen.value = "";
              });
            }}
          />
        </div>
      )}
    </Field>
  );
}

const MOST_WIDENED = 64;

function Widen(props: PanelProps) {
  const mask = maskOf(props.picture.id);
  return (
    <>
      {(["grow", "feather"] as const).map((name) => (
        <Field
          key={name}
          label={t[name]}
          help={name === "grow" ? t.growHelp : t.featherHelp}
          quiet
          inline
          error={props.errorOf(name)}
        >
          {(described) => (
            <Slider
              described={described}
              label={t[name]}
              value={mask[name]}
              minimum={0}
              maximum={MOST_WIDENED}
              step={1}
              words={t.pixels(mask[name])}
              onValue={(value) => setMask(props.picture.id, { [name]: Math.round(value) })}
            />
          )}
        </Field>
      ))}
    </>
  );
}

/** Fill what is painted over. */
export function Fill(props: PanelProps) {
  return (
    <>
      {!props.batch && (
        <>
          <Widen {...props} />
          <MaskFiles {...props} />
          <hr class="p-rule" />
        </>
      )}
      <Drawing {...props} />
    </>
  );
}
