import { picture, task } from "../store/choice";

/** The options of the chosen task for the chosen picture. F3 fills this folder; the shell gives it a scrolling column. */
export function Panel() {
  if (!picture.value || !task.value) return null;
  return <p>{task.value.summary}</p>;
}
