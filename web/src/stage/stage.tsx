import { urls } from "../api/client";
import { picture, shown } from "../store/choice";
import { text } from "../text/en";

/** The picture, and what is painted on it. F2 fills this folder; the shell gives it the whole stage. */
export function Stage() {
  const at = shown.value ?? picture.value;
  if (!at) return null;
  return (
    <div class="stage-stub">
      <img src={urls.tile(at.id, at.levels - 1, 0, 0)} alt={text.stage.picture(at.name)} />
    </div>
  );
}
