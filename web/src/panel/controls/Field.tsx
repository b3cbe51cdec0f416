import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { text } from "../../text/en";
import { Icon } from "../icons";
import { Words } from "../Words";

export interface Described {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: "true";
}

interface FieldProps {
  label: string;
  /** Small and soft beside the label: the flag, or what the value means. */
  aside?: ComponentChildren;
  help?: string | undefined;
  /** The flag of the command line, in front of the help. */
  code?: string | undefined;
  /** Whether the help is told by hovering and by screen readers only. */
  quiet?: boolean;
  /** Whether label and slider share a line. */
  inline?: boolean;
  error?: string | null | undefined;
  changed?: boolean;
  onReset?: (() => void) | undefined;
  /** Whether the label stands beside the control, as with switches. */
  beside?: boolean;
  /** A group of controls, named by the label. */
  group?: boolean;
  children: (described: Described) => ComponentChildren;
}

/** A control with its label, its help and what is wrong with it, bound together for those who do not see them. */
export function Field(props: FieldProps) {
  const id = useId();
  const help = props.help ? `${id}-help` : undefined;
  const error = props.error ? `${id}-error` : undefined;
  const by = [error, help].filter(Boolean).join(" ");
  const described: Described = {
    id,
    ...(by ? { "aria-describedby": by } : {}),
    ...(error ? { "aria-invalid": "true" } : {}),
  };
  const name = (
    <>
      {props.label}
      {props.changed && (
        <span class="p-changed" title={text.panel.changed} role="img" aria-label={text.panel.changed} />
      )}
    </>
  );
  const label = props.group ? (
    <span class="p-label" id={`${id}-label`}>
      {name}
    </span>
  ) : (
    <label class="p-label" for={id}>
      {name}
    </label>
  );
  const head = (
    <div class="p-head">
      {label}
      {props.aside !== undefined && <span class="p-aside">{props.aside}</span>}
      {props.changed && props.onReset && (
        <button
          type="button"
          class="icon-button p-small"
          onClick={props.onReset}
          aria-label={text.panel.resetOne(props.label)}
        >
          <Icon name="reset" />
        </button>
      )}
    </div>
  );
  return (
    <div
      class={["p-field", props.beside && "p-beside", props.inline && "p-inline", props.error && "p-wrong"]
        .filter(Boolean)
        .join(" ")}
      title={props.quiet ? props.help : undefined}
      {...(props.group
        ? { role: "group", "aria-labelledby": `${id}-label`, ...(by ? { "aria-describedby": by } : {}) }
        : {})}
    >
      {head}
      {props.children(described)}
      {error && (
        <p class="p-error" id={error}>
          <Words of={props.error ?? ""} />
        </p>
      )}
      {help && (
        <p class={props.quiet ? "hidden" : "p-help"} id={help}>
          {props.code && <code>{props.code}</code>}
          <Words of={props.help ?? ""} />
        </p>
      )}
    </div>
  );
}
