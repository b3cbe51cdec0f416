import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { NumberInput } from "../controls/inputs";
import { OptionField } from "../controls/OptionField";
import { Drawing, Kind, OptionSlider, type PanelProps } from "../panels";
import { visibleOptions } from "../shown";
import { useLook } from "../use";
import { optionOf, optionsOf, typed } from "../values";
import { Found } from "./Found";

const t = text.panel;

/** Take the traces of JPEG away. */
export function Dejpeg(props: PanelProps) {
  const option = optionOf(props.task, "quality");
  const look = useLook(props, ["quality", "method"], !props.batch);
  // A file that does not tell its quality has to be told it: said where it is typed.
  const untold = look.wrong?.option === "quality" ? look.wrong.message : null;
  return (
    <>
      {!props.batch && untold === null && <Found look={look} working={t.dejpeg.looking} />}
      {option && (
        <Field
          label={t.dejpeg.quality}
          help={t.dejpeg.qualityHelp}
          beside
          error={props.errorOf("quality") ?? untold}
        >
          {(described) => (
            <NumberInput
              described={described}
              value={props.values.quality}
              whole
              placeholder={t.auto}
              minimum={1}
              maximum={100}
              start={75}
              onValue={(text) => props.set("quality", typed(option, text))}
            />
          )}
        </Field>
      )}
      <Kind {...props} />
    </>
  );
}

export function Colorize(props: PanelProps) {
  return <Drawing {...props} />;
}

export function Vary(props: PanelProps) {
  return (
    <>
      <OptionSlider
        {...props}
        name="strength"
        label={t.vary.strength}
        help={t.vary.strengthHelp}
        minimum={0.05}
        maximum={1}
        step={0.05}
        start={0.3}
      />
      <Drawing {...props} />
    </>
  );
}

export function Solve(props: PanelProps) {
  const option = optionsOf(props.task).find(({ name }) => name === "operator" || name === "operators");
  return (
    <>
      {option && (
        <OptionField
          option={option}
          values={props.values}
          set={props.set}
          label={t.solve.operators}
          help={t.solve.help}
          placeholder="jpeg=40"
          error={props.errorOf(option.name)}
        />
      )}
      <Drawing {...props} />
    </>
  );
}

type Words = Readonly<Record<string, string>>;

/** The fields of options, by their names; `words` has other labels and help texts for them. */
function Fields({ names, words, ...props }: PanelProps & { names: readonly string[]; words?: Words }) {
  return (
    <>
      {names.map((name) => {
        const option = optionOf(props.task, name);
        return (
          option && (
            <OptionField
              key={name}
              option={option}
              values={props.values}
              set={props.set}
              label={words?.[name]}
              help={words?.[`${name}Help`]}
              error={props.errorOf(name)}
            />
          )
        );
      })}
    </>
  );
}

const PLACES = ["at", "box", "grow"] as const;

/** What to erase: the stage writes its boxes and points into the fields, where they can be typed, too. */
export function Erase(props: PanelProps) {
  return (
    <>
      <Fields {...props} names={PLACES} words={t.erase} />
      <Drawing {...props} />
    </>
  );
}

/** A task without a panel of its own: the first options that are often used. */
export function Other(props: PanelProps) {
  return <Fields {...props} names={visibleOptions(props.task, props.values)} />;
}
