import { urls } from "../api/client";
import { picture, shown } from "../store/choice";
import { text } from "../text/en";
import "./stage.css";

/** The picture, and what is painted on it. F2 fills this folder; the shell gives it the whole stage. */
export function Stage() {
  const at = shown.value ?? picture.value;
  if (!at) return null;
  return <img class="stage-stub" src={urls.file(at.id)} alt={text.stage.picture(at.name)} />;
}
