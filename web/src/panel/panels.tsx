// What the panels of all tasks are given, and the controls that several of them have.
import type { Picture, Task } from "../api/types";
import { text } from "../text/en";
import { Field } from "./controls/Field";
import { NumberInput, Segmented, Slider } from "./controls/inputs";
import { Icon } from "./icons";
import { inForce, optionOf, thrownSeed, typed, type Values } from "./values";

export interface PanelProps {
  task: Task;
  picture: Picture;
  /** Whether several pictures are done at once; nothing is measured or shown of a single one then. */
  batch: boolean;
  values: Values;
  set: (name: string, value: unknown) => void;
  setAll: (values: Values) => void;
  errorOf: (name: string) => string | null;
}

const t = text.panel;

interface OptionSliderProps extends PanelProps {
  name: string;
  label: string;
  help?: string;
  minimum: number;
  maximum: number;
  step: number;
  /** Where it stands while the command decides. */
  start: number;
}

/** A slider for a number of the catalogue. */
export function OptionSlider(props: OptionSliderProps) {
  const option = optionOf(props.task, props.name);
  if (option === undefined) return null;
  const now = inForce(option, props.values);
  const value = typeof now === "number" ? now : props.start;
  return (
    <Field label={props.label} help={props.help} error={props.errorOf(props.name)}>
      {(described) => (
        <Slider
          described={described}
          label={props.label}
          value={value}
          minimum={props.minimum}
          maximum={props.maximum}
          step={props.step}
          onValue={(next) => props.set(props.name, next)}
        />
      )}
    </Field>
  );
}

/** Sample or mean: one of many possible pictures, or the average of them. */
export function Kind(props: PanelProps) {
  const option = optionOf(props.task, "estimate");
  if (option === undefined) return null;
  const now = String(inForce(option, props.values) ?? "sample");
  const choices = [
    { value: "sample", label: t.fill.sample },
    { value: "mean", label: t.fill.mean },
  ];
  return (
    <Field
      label={t.fill.kind}
      group
      help={now === "mean" ? t.fill.meanHelp : t.fill.sampleHelp}
      error={props.errorOf("estimate")}
    >
      {(described) => (
        <Segmented
          described={described}
          name="estimate"
          label={t.fill.kind}
          choices={choices}
          value={now}
          onValue={(kind) => props.set("estimate", kind)}
        />
      )}
    </Field>
  );
}

const MOST_SAMPLES = 8;

function Samples(props: PanelProps) {
  const option = optionOf(props.task, "samples");
  if (option === undefined) return null;
  const now = inForce(option, props.values);
  const count = typeof now === "number" ? now : 1;
  const change = (by: number) => props.set("samples", Math.max(1, Math.min(MOST_SAMPLES, count + by)));
  return (
    <Field label={t.fill.samples} beside error={props.errorOf("samples")}>
      {(described) => (
        <span class="p-stepper">
          <button
            type="button"
            class="icon-button"
            aria-label={t.fill.fewer}
            disabled={count <= 1}
            onClick={() => change(-1)}
          >
            <Icon name="minus" />
          </button>
          <NumberInput
            described={described}
            value={count}
            whole
            minimum={1}
            maximum={MOST_SAMPLES}
            onValue={(text) => props.set("samples", typed(option, text))}
          />
          <button
            type="button"
            class="icon-button"
            aria-label={t.fill.more}
            disabled={count >= MOST_SAMPLES}
            onClick={() => change(1)}
          >
            <Icon name="plus" />
          </button>
        </span>
      )}
    </Field>
  );
}

function Seed(props: PanelProps) {
  const option = optionOf(props.task, "seed");
  if (option === undefined) return null;
  const now = inForce(option, props.values);
  return (
    <Field label={t.fill.seed} beside error={props.errorOf("seed")}>
      {(described) => (
        <span class="p-stepper">
          <NumberInput
            described={described}
            value={now}
            whole
            minimum={option.minimum}
            maximum={option.maximum}
            onValue={(text) => props.set("seed", typed(option, text))}
          />
          <button
            type="button"
            class="icon-button"
            aria-label={t.fill.dice}
            title={t.fill.dice}
            onClick={() => props.set("seed", thrownSeed(now))}
          >
            <Icon name="dice" />
          </button>
        </span>
      )}
    </Field>
  );
}

/** How results are drawn: their kind, and for samples how many and from which seed. */
export function Drawing(props: PanelProps) {
  const option = optionOf(props.task, "estimate");
  const drawn = option === undefined || inForce(option, props.values) !== "mean";
  return (
    <>
      <Kind {...props} />
      {drawn && <Samples {...props} />}
      {drawn && <Seed {...props} />}
    </>
  );
}
