import { useEffect, useState } from "preact/hooks";
import { text } from "../../text/en";
import { Icon } from "../icons";
import type { Described } from "./Field";
import { type Range, shownNumber, stepOf, stepped } from "./numbers";

interface NumberInputProps extends Range {
  described: Described;
  value: unknown;
  whole: boolean;
  /** What is there when nothing is typed, such as the default. */
  placeholder?: string;
  /** Where the arrow keys start when nothing is typed. */
  start?: number;
  label?: string;
  onValue: (text: string) => void;
}

/** A field for a number. What is typed is handed on as it is; the server tells what is wrong with it. */
export function NumberInput(props: NumberInputProps) {
  const [draft, setDraft] = useState(shownNumber(props.value));
  const [editing, setEditing] = useState(false);
  useEffect(() => {
    if (!editing) setDraft(shownNumber(props.value));
  }, [props.value, editing]);

  function set(next: string): void {
    setDraft(next);
    props.onValue(next);
  }

  function key(event: KeyboardEvent): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const step = stepOf(props, props.whole) * (event.shiftKey ? 10 : 1) * (event.key === "ArrowUp" ? 1 : -1);
    const now = draft.trim() === "" ? (props.start ?? props.minimum ?? 0) - step : Number(draft);
    if (Number.isFinite(now)) set(String(stepped(now, step, props)));
  }

  return (
    <input
      {...props.described}
      class="p-input p-number"
      type="text"
      inputMode={props.whole ? "numeric" : "decimal"}
      autocomplete="off"
      spellcheck={false}
      aria-label={props.label}
      placeholder={props.placeholder}
      value={draft}
      onFocus={() => setEditing(true)}
      onBlur={() => setEditing(false)}
      onInput={(event) => set(event.currentTarget.value)}
      onKeyDown={key}
    />
  );
}

interface SliderProps {
  described: Described;
  value: number;
  minimum: number;
  maximum: number;
  step: number;
  label: string;
  /** What is read out in place of the number. */
  words?: string;
  onValue: (value: number) => void;
}

/** A slider with a field of the same number beside it. */
export function Slider(props: SliderProps) {
  const share = ((props.value - props.minimum) / (props.maximum - props.minimum || 1)) * 100;
  const shown = Math.max(0, Math.min(100, share));
  return (
    <div class="p-slider">
      <input
        {...props.described}
        type="range"
        min={props.minimum}
        max={props.maximum}
        step={props.step}
        value={props.value}
        aria-valuetext={props.words}
        style={{ "--share": `${shown}%` }}
        onInput={(event) => props.onValue(event.currentTarget.valueAsNumber)}
      />
      <NumberInput
        described={{ id: `${props.described.id}-number` }}
        label={text.panel.numberOf(props.label)}
        value={props.value}
        whole={Number.isInteger(props.step)}
        minimum={props.minimum}
        maximum={props.maximum}
        onValue={(typed) => {
          const value = Number(typed);
          if (typed.trim() !== "" && Number.isFinite(value)) props.onValue(value);
        }}
      />
    </div>
  );
}

export interface Choice {
  value: string;
  label: string;
}

interface SegmentedProps {
  described: Described;
  name: string;
  label: string;
  choices: readonly Choice[];
  value: string;
  onValue: (value: string) => void;
}

/** A few choices side by side: radio buttons, so that the arrow keys go through them. */
export function Segmented(props: SegmentedProps) {
  const { id, ...described } = props.described;
  return (
    <div class="p-segmented" role="radiogroup" aria-label={props.label} id={id} {...described}>
      {props.choices.map((choice) => (
        <label key={choice.value} class="p-seg">
          <input
            type="radio"
            name={`${id}-${props.name}`}
            value={choice.value}
            checked={choice.value === props.value}
            onChange={() => props.onValue(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </div>
  );
}

interface SwitchProps {
  described: Described;
  on: boolean;
  onValue: (on: boolean) => void;
}

export function Switch({ described, on, onValue }: SwitchProps) {
  return (
    <input
      {...described}
      class="p-switch"
      type="checkbox"
      role="switch"
      aria-checked={on}
      checked={on}
      onChange={(event) => onValue(event.currentTarget.checked)}
    />
  );
}

interface SelectProps {
  described: Described;
  value: string;
  choices: readonly Choice[];
  onValue: (value: string) => void;
}

export function Select({ described, value, choices, onValue }: SelectProps) {
  return (
    <span class="p-select">
      <select {...described} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      <Icon name="chevron" />
    </span>
  );
}
