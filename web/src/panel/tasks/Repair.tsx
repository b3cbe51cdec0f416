import { useEffect, useRef } from "preact/hooks";
import type { Region, Stroke } from "../../api/types";
import { maskOf, setMask } from "../../store/mask";
import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { Segmented } from "../controls/inputs";
import { Icon } from "../icons";
import type { PanelProps } from "../panels";
import { isEdited, NO_MASK } from "../requests";
import { type Look, useLook } from "../use";
import { inForce, optionOf } from "../values";
import { MaskFiles } from "./Fill";
import { Found } from "./Found";

const t = text.panel.repair;
const LOOKED_AT = ["sensitivity", "only", "infrared", "grow"];

function marksOf(region: Region): Stroke[] {
  return region.area > 0 ? [{ kind: "region", erase: false, region: region.id }] : [];
}

/** Whether the mask holds nothing but damage found before, so that a new look may take its place. */
function isFound(strokes: readonly Stroke[], found: ReadonlySet<string>): boolean {
  return strokes.every((stroke) => stroke.kind === "region" && !stroke.erase && found.has(stroke.region));
}

const everFound = new Set<string>();

function Marks({ picture, look }: PanelProps & { look: Look }) {
  const region = look.job?.region ?? null;
  const shown = useRef<string | null>(null);
  const mask = maskOf(picture.id);

  useEffect(() => {
    if (region === null || shown.current === region.id) return;
    shown.current = region.id;
    if (isFound(maskOf(picture.id).strokes, everFound)) {
      setMask(picture.id, { strokes: marksOf(region), grow: 0, feather: 0 });
    }
    everFound.add(region.id);
  }, [region, picture.id]);

  if (region === null) return null;
  const edited = mask.strokes.length > 0 && isEdited(mask, region);
  const away = mask.strokes.length === 0 && region.area > 0;
  return (
    <>
      <p class="p-help">{edited ? t.edited : t.editHelp}</p>
      {(edited || away) && (
        <button
          type="button"
          class="button"
          onClick={() => setMask(picture.id, { ...NO_MASK, strokes: marksOf(region) })}
        >
          <Icon name="reset" />
          {t.back}
        </button>
      )}
      {edited && <MaskFiles picture={picture} />}
    </>
  );
}

function Looked(props: PanelProps) {
  const look = useLook(props, LOOKED_AT);
  return (
    <>
      <Found look={look} working={t.looking} />
      <Marks {...props} look={look} />
    </>
  );
}

const levels = ["low", "normal", "high"] as const;

function Sensitivity(props: PanelProps) {
  const option = optionOf(props.task, "sensitivity");
  if (option === undefined) return null;
  const now = String(inForce(option, props.values) ?? "normal");
  return (
    <Field label={t.sensitivity} group error={props.errorOf("sensitivity")}>
      {(described) => (
        <Segmented
          described={described}
          name="sensitivity"
          label={t.sensitivity}
          choices={levels.map((level) => ({ value: level, label: t[level] }))}
          value={now}
          onValue={(level) => props.set("sensitivity", level)}
        />
      )}
    </Field>
  );
}

function Only(props: PanelProps) {
  const option = optionOf(props.task, "only");
  if (option === undefined) return null;
  const choices = [
    { value: "", label: t.all },
    { value: "scratches", label: t.scratches },
    { value: "specks", label: t.specks },
  ];
  return (
    <Field label={t.only} group error={props.errorOf("only")}>
      {(described) => (
        <Segmented
          described={described}
          name="only"
          label={t.only}
          choices={choices}
          value={String(props.values.only ?? "")}
          onValue={(only) => props.set("only", only || null)}
        />
      )}
    </Field>
  );
}

/** Find scratches and dust, show them to be corrected, and fill them. */
export function Repair(props: PanelProps) {
  return (
    <>
      <Sensitivity {...props} />
      <Only {...props} />
      {!props.batch && <Looked {...props} />}
    </>
  );
}
