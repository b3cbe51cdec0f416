import type { ComponentChildren } from "preact";
import type { Option } from "../../api/types";
import { text } from "../../text/en";
import { labelOf } from "../search";
import { inForce, isChanged, linesOf, triOf, typed, type Values, valueOfLines, valueOfTri } from "../values";
import { type Described, Field } from "./Field";
import { FileInput } from "./FileInput";
import { NumberInput, Segmented, Select, Switch } from "./inputs";

export interface OptionFieldProps {
  option: Option;
  values: Values;
  set: (name: string, value: unknown) => void;
  error?: string | null | undefined;
  label?: string | undefined;
  help?: string | undefined;
  /** An example of what can be typed. */
  placeholder?: string;
  /** Whether the flag is shown, and what is changed is marked and can be reset, as among all options. */
  marked?: boolean;
}

const plain = (value: unknown) =>
  value === null || value === undefined || value === "" ? "" : String(value);

/** The default as the field shows it when nothing is set. */
function placeholder(option: Option): string {
  const told = plain(Array.isArray(option.default) ? option.default.join(" ") : option.default);
  return told || text.panel.auto;
}

function control(props: OptionFieldProps, described: Described, label: string): ComponentChildren {
  const { option, values, set } = props;
  const value = values[option.name];
  const now = inForce(option, values);
  const give = (next: unknown) => set(option.name, next);
  if (option.type === "boolean") {
    if (option.no_flag === null)
      return <Switch described={described} on={now === true} onValue={(on) => give(on || null)} />;
    const states = [
      {
        value: "default",
        label:
          typeof option.default === "boolean" ? text.panel.more.byDefault(option.default) : text.panel.auto,
      },
      { value: "on", label: text.panel.more.yes },
      { value: "off", label: text.panel.more.no },
    ];
    return (
      <Segmented
        described={described}
        name={option.name}
        label={label}
        choices={states}
        value={triOf(value)}
        onValue={(tri) => give(valueOfTri(tri as "default" | "on" | "off"))}
      />
    );
  }
  if (option.type === "file") {
    const accept =
      option.accepts === "any" || option.accepts === null
        ? undefined
        : "image/*,.tif,.tiff,.heic,.heif,.avif,.jxl";
    return (
      <FileInput
        described={described}
        label={label}
        value={value}
        multiple={option.multiple}
        accept={accept}
        onValue={give}
      />
    );
  }
  if (option.multiple) {
    return (
      <textarea
        {...described}
        class="p-input"
        rows={Math.max(2, linesOf(value).split("\n").length)}
        spellcheck={false}
        placeholder={props.placeholder ?? option.metavar ?? text.panel.more.aLine}
        defaultValue={linesOf(value)}
        onInput={(event) => give(valueOfLines(event.currentTarget.value))}
      />
    );
  }
  if (option.type === "choice") {
    const none = {
      value: "",
      label: option.default === null ? text.panel.auto : text.panel.more.standard(plain(option.default)),
    };
    const others = (option.choices ?? []).filter((choice) => choice !== option.default);
    return (
      <Select
        described={described}
        value={plain(value)}
        choices={[none, ...others.map((choice) => ({ value: choice, label: choice }))]}
        onValue={(choice) => give(choice || null)}
      />
    );
  }
  if (option.type === "text") {
    const list = option.choices === null ? undefined : `${described.id}-list`;
    return (
      <>
        <input
          {...described}
          class="p-input"
          type="text"
          list={list}
          autocomplete="off"
          spellcheck={false}
          placeholder={placeholder(option)}
          value={plain(value)}
          onInput={(event) => give(event.currentTarget.value || null)}
        />
        {list && (
          <datalist id={list}>
            {option.choices?.map((choice) => (
              <option key={choice} value={choice} />
            ))}
          </datalist>
        )}
      </>
    );
  }
  return (
    <NumberInput
      described={described}
      value={value}
      whole={option.type === "integer"}
      placeholder={placeholder(option)}
      minimum={option.minimum}
      maximum={option.maximum}
      {...(typeof option.default === "number" ? { start: option.default } : {})}
      onValue={(text) => give(typed(option, text))}
    />
  );
}

/** Limits above this are those of the machine, which nobody needs to be told. */
const HUGE = 1e6;

function rangeOf(option: Option): string {
  if (option.type !== "integer" && option.type !== "number") return "";
  const high = option.maximum !== null && option.maximum < HUGE ? option.maximum : null;
  const low = high === null && option.minimum === 0 ? null : option.minimum;
  return text.panel.more.range(low, high);
}

/** An option of the catalogue with the control that fits its type. */
export function OptionField(props: OptionFieldProps) {
  const { option, values, set, marked } = props;
  const label = props.label ?? labelOf(option);
  const number = option.type === "integer" || option.type === "number";
  const grouped = option.type === "boolean" && option.no_flag !== null;
  const beside = (option.type === "boolean" && option.no_flag === null) || (number && !option.multiple);
  const range = rangeOf(option);
  const help = props.help ?? option.help;
  return (
    <Field
      label={label}
      code={marked ? option.flag : undefined}
      help={marked && range ? `${help} ${text.panel.more.rangeSentence(range)}` : help}
      error={props.error}
      changed={marked === true && isChanged(option, values)}
      onReset={() => set(option.name, null)}
      beside={beside}
      group={grouped}
    >
      {(described) => control(props, described, label)}
    </Field>
  );
}
