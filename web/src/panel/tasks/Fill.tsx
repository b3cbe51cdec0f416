import { useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { model } from "../../stage/mask";
import { maskOf, setMask } from "../../store/mask";
import { brushRadius, type Tool, tool } from "../../store/stage";
import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { Segmented, Slider } from "../controls/inputs";
import { saveBlob, stem } from "../download";
import { Icon, type IconName } from "../icons";
import { Drawing, type PanelProps } from "../panels";
import { hasHole } from "../requests";
import { type Wrong, wrongOf } from "../state";

const t = text.panel.fill;

const TOOLS: { value: Tool; label: string; icon: IconName; title: string }[] = [
  { value: "brush", label: t.brush, icon: "brush", title: t.brush },
  { value: "eraser", label: t.eraser, icon: "eraser", title: t.eraser },
  { value: "lasso", label: t.lasso, icon: "lasso", title: t.lasso },
  { value: "box", label: t.box, icon: "box", title: t.box },
  { value: "magic", label: t.magic, icon: "magic", title: t.magic },
];

const LARGEST = 400;

/** The size of a brush grows faster on the slider the larger it is. */
export function radiusAt(share: number): number {
  return Math.max(1, Math.round((share / 100) ** 2 * LARGEST));
}

export function shareOf(radius: number): number {
  return Math.round(Math.sqrt(Math.min(radius, LARGEST) / LARGEST) * 100);
}

/** What the mask is painted with, and taking back what was painted. */
export function MaskTools() {
  const mask = model.value;
  const sized = tool.value === "brush" || tool.value === "eraser";
  return (
    <>
      <div class="p-tools">
        <Segmented
          described={{ id: "p-tool" }}
          name="tool"
          label={t.tools}
          choices={TOOLS}
          value={tool.value}
          onValue={(chosen) => {
            tool.value = chosen as Tool;
          }}
        />
        <span class="p-history">
          <button
            type="button"
            class="icon-button"
            aria-label={t.undo}
            title={t.undo}
            disabled={!mask?.canUndo.value}
            onClick={() => mask?.undo()}
          >
            <Icon name="undo" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={t.redo}
            title={t.redo}
            disabled={!mask?.canRedo.value}
            onClick={() => mask?.redo()}
          >
            <Icon name="redo" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={t.clear}
            title={t.clear}
            disabled={!mask?.strokes.value.length}
            onClick={() => mask?.clear()}
          >
            <Icon name="trash" />
          </button>
        </span>
      </div>
      {sized && (
        <Field label={t.size} inline>
          {(described) => (
            <span class="p-slider">
              <input
                {...described}
                type="range"
                min={4}
                max={100}
                value={shareOf(brushRadius.value)}
                aria-valuetext={t.pixels(brushRadius.value * 2)}
                style={{ "--share": `${((shareOf(brushRadius.value) - 4) / 96) * 100}%` }}
                onInput={(event) => {
                  brushRadius.value = radiusAt(event.currentTarget.valueAsNumber);
                }}
              />
              <output class="p-aside">{t.pixels(brushRadius.value * 2)}</output>
            </span>
          )}
        </Field>
      )}
    </>
  );
}

function MaskFiles({ picture }: PanelProps) {
  const input = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState<Wrong | null>(null);
  const [sending, setSending] = useState(false);
  const mask = maskOf(picture.id);

  async function upload(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    setSending(true);
    setWrong(null);
    try {
      model.value?.addRegion(await api.uploadRegion(picture.id, file, { fit: true }));
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
    <Field label={t.mask} group error={wrong?.message}>
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
      <MaskTools />
      <Widen {...props} />
      {!props.batch && <MaskFiles {...props} />}
      <hr class="p-rule" />
      <Drawing {...props} />
    </>
  );
}
