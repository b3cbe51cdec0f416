import type { Option } from "../api/types";
import { text } from "../text/en";
import { openMore } from "./state";

/** A link to an option in the drawer, where a message names it. `inLine`: within a sentence. */
export function ShowOption({ option, inLine }: { option: Option; inLine?: boolean }) {
  return (
    <button
      type="button"
      class={inLine ? "p-link p-in-line" : "p-link"}
      onClick={() => openMore(option.name)}
    >
      {text.panel.showOption(option.flag)}
    </button>
  );
}
