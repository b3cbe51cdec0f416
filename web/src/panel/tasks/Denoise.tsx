import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { Switch } from "../controls/inputs";
import { OptionSlider, type PanelProps } from "../panels";
import { isApart } from "../shown";
import { useLook } from "../use";
import { inForce, optionOf, without } from "../values";
import { Found } from "./Found";

const t = text.panel.denoise;
const LOOKED_AT = ["page", "specks"];

function OptionSwitch(props: PanelProps & { name: string; label: string; help: string }) {
  const option = optionOf(props.task, props.name);
  if (option === undefined) return null;
  return (
    <Field label={props.label} help={props.help} beside error={props.errorOf(props.name)}>
      {(described) => (
        <Switch
          described={described}
          on={inForce(option, props.values) === true}
          onValue={(on) => props.set(props.name, on || null)}
        />
      )}
    </Field>
  );
}

function Strengths(props: PanelProps) {
  const apart = isApart(props.values);
  const strength = props.values.strength;
  const start = typeof strength === "number" ? strength : 1;
  const slider = { ...props, minimum: 0, maximum: 1, step: 0.05, start };
  const can = optionOf(props.task, "luma") !== undefined && optionOf(props.task, "chroma") !== undefined;

  function turn(on: boolean): void {
    const rest = without(props.values, ["luma", "chroma", "strength"]);
    const luma = props.values.luma;
    if (on) props.setAll({ ...rest, luma: start, chroma: start });
    else props.setAll(typeof luma === "number" && luma !== 1 ? { ...rest, strength: luma } : rest);
  }

  return (
    <>
      {!apart && <OptionSlider {...slider} name="strength" label={t.strength} />}
      {apart && <OptionSlider {...slider} name="luma" label={t.luma} />}
      {apart && <OptionSlider {...slider} name="chroma" label={t.chroma} />}
      {can && (
        <Field label={t.split} beside>
          {(described) => <Switch described={described} on={apart} onValue={turn} />}
        </Field>
      )}
    </>
  );
}

function Looked(props: PanelProps) {
  const look = useLook(props, LOOKED_AT);
  return <Found look={look} working={t.looking} />;
}

/** Take noise away, after telling which was found. */
export function Denoise(props: PanelProps) {
  return (
    <>
      {!props.batch && <Looked {...props} />}
      <Strengths {...props} />
      <hr class="p-rule" />
      <OptionSwitch {...props} name="specks" label={t.specks} help={t.specksHelp} />
      <OptionSwitch {...props} name="page" label={t.page} help={t.pageHelp} />
    </>
  );
}
