import { useState } from "preact/hooks";
import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { NumberInput, Segmented, Select } from "../controls/inputs";
import { short } from "../facts";
import { Kind, type PanelProps } from "../panels";
import { FACTORS, givenBy, megapixels, resultSize, SIZE_OPTIONS, type SizeBy, sizeBy } from "../sizes";
import { optionOf, typed, without } from "../values";

const t = text.panel.upscale;

function FactorField(props: PanelProps) {
  const now = props.values.scale;
  const among = FACTORS.some((factor) => factor === now);
  const [free, setFree] = useState(!among);
  const option = optionOf(props.task, "scale");
  if (option === undefined) return null;
  const choices = [
    ...FACTORS.map((factor) => ({ value: String(factor), label: t.times(factor) })),
    { value: "free", label: t.free },
  ];
  const value = free || !among ? "free" : String(now);

  function choose(chosen: string): void {
    setFree(chosen === "free");
    if (chosen !== "free") props.set("scale", Number(chosen));
  }

  return (
    <Field label={t.factor} group error={props.errorOf("scale")}>
      {(described) => (
        <>
          <Segmented
            described={described}
            name="scale"
            label={t.factor}
            choices={choices}
            value={value}
            onValue={choose}
          />
          {value === "free" && (
            <NumberInput
              described={{ ...described, id: `${described.id}-free` }}
              label={t.factor}
              value={now}
              whole={false}
              minimum={1}
              maximum={8}
              onValue={(text) => props.set("scale", typed(option, text))}
            />
          )}
        </>
      )}
    </Field>
  );
}

function SideField(props: PanelProps & { by: SizeBy }) {
  const option = optionOf(props.task, props.by);
  if (option === undefined) return null;
  return (
    <Field label={t[props.by]} aside={t.pixels} beside error={props.errorOf(props.by)}>
      {(described) => (
        <NumberInput
          described={described}
          value={props.values[props.by]}
          whole
          minimum={1}
          maximum={1_000_000}
          onValue={(text) => props.set(props.by, typed(option, text))}
        />
      )}
    </Field>
  );
}

/** Enlarge: by a factor, or to a width, a height or a longest side. */
export function Upscale(props: PanelProps) {
  const by = sizeBy(props.values);
  const size = resultSize(props.picture, props.values);
  const ways = SIZE_OPTIONS.filter((name) => optionOf(props.task, name) !== undefined);
  const choices = ways.map((name) => ({ value: name, label: t[name] }));

  function giveBy(name: string): void {
    const value = givenBy(name as SizeBy, props.picture, props.values);
    props.setAll({ ...without(props.values, SIZE_OPTIONS), [name]: value });
  }

  return (
    <>
      {ways.length > 1 && (
        <Field label={t.by} beside>
          {(described) => <Select described={described} value={by} choices={choices} onValue={giveBy} />}
        </Field>
      )}
      {by === "scale" ? <FactorField {...props} /> : <SideField {...props} by={by} />}
      {!props.batch && (
        <p class="p-found" role="status">
          {size === null ? t.none : t.result(size.width, size.height, short(megapixels(size)))}
        </p>
      )}
      <hr class="p-rule" />
      <Kind {...props} />
    </>
  );
}
