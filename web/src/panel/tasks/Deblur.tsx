import { text } from "../../text/en";
import { Field } from "../controls/Field";
import { FileInput } from "../controls/FileInput";
import { NumberInput, Segmented, Slider } from "../controls/inputs";
import { FIRST, type Kernel, kernelText, readKernel } from "../kernels";
import type { PanelProps } from "../panels";
import { useLook } from "../use";
import { optionOf, typed } from "../values";
import { Found } from "./Found";

const t = text.panel.deblur;
const KINDS = ["gaussian", "disc", "motion", "file"] as const;

interface Knob {
  name: "sigma" | "radius" | "length" | "angle";
  minimum: number;
  maximum: number;
  step: number;
}

const KNOBS: Record<Kernel["kind"], Knob[]> = {
  gaussian: [{ name: "sigma", minimum: 0.3, maximum: 8, step: 0.1 }],
  disc: [{ name: "radius", minimum: 0.5, maximum: 15, step: 0.1 }],
  motion: [
    { name: "length", minimum: 2, maximum: 60, step: 0.5 },
    { name: "angle", minimum: -90, maximum: 90, step: 1 },
  ],
  file: [],
};

function Knobs(props: PanelProps & { kernel: Kernel }) {
  const numbers = props.kernel as unknown as Record<string, number>;
  return (
    <>
      {KNOBS[props.kernel.kind].map(({ name, minimum, maximum, step }) => (
        <Field key={name} label={t[name]} help={name === "angle" ? t.angleHelp : undefined}>
          {(described) => (
            <Slider
              described={described}
              label={t[name]}
              value={numbers[name] ?? minimum}
              minimum={minimum}
              maximum={maximum}
              step={step}
              onValue={(value) =>
                props.set("kernel", kernelText({ ...props.kernel, [name]: value } as Kernel))
              }
            />
          )}
        </Field>
      ))}
    </>
  );
}

function KernelField(props: PanelProps) {
  const value = props.values.kernel;
  const kernel = readKernel(value) ?? FIRST.file;
  return (
    <>
      <Field label={t.blur} group error={props.errorOf("kernel")}>
        {(described) => (
          <Segmented
            described={described}
            name="kernel"
            label={t.blur}
            choices={KINDS.map((kind) => ({ value: kind, label: t[kind] }))}
            value={kernel.kind}
            onValue={(kind) =>
              props.setAll({ ...props.values, kernel: kernelText(FIRST[kind as Kernel["kind"]]) })
            }
          />
        )}
      </Field>
      {kernel.kind === "file" ? (
        <Field label={t.kernelFile}>
          {(described) => (
            <FileInput
              described={described}
              label={t.kernelFile}
              value={kernel.id}
              multiple={false}
              onValue={(id) => props.setAll({ ...props.values, kernel: id ?? "" })}
            />
          )}
        </Field>
      ) : (
        <Knobs {...props} kernel={kernel} />
      )}
    </>
  );
}

function Noise(props: PanelProps) {
  const option = optionOf(props.task, "sigma");
  if (option === undefined) return null;
  return (
    <Field label={t.noise} help={t.noiseHelp} beside error={props.errorOf("sigma")}>
      {(described) => (
        <NumberInput
          described={described}
          value={props.values.sigma}
          whole={false}
          placeholder={t.measured}
          minimum={0}
          maximum={255}
          start={0}
          onValue={(text) => props.set("sigma", typed(option, text))}
        />
      )}
    </Field>
  );
}

function Looked(props: PanelProps) {
  const look = useLook(props, ["kernel"]);
  return <Found look={look} working={t.looking} />;
}

/** Sharpen what was blurred in a way that can be told. */
export function Deblur(props: PanelProps) {
  // A look reads the file of a kernel; there is nothing else to be found before the picture is computed.
  const read = readKernel(props.values.kernel)?.kind === "file";
  return (
    <>
      <KernelField {...props} />
      <hr class="p-rule" />
      <Noise {...props} />
      {!props.batch && read && <Looked {...props} />}
    </>
  );
}
