import type { Picture, Task } from "../api/types";
import { ALLOWS_DAMAGED, pictureNotes } from "./facts";
import { ShowOption } from "./ShowOption";
import { inForce, optionOf, type Values } from "./values";
import { Words } from "./Words";

/** What is to be known of the picture; where its file is damaged, with the way to restore it all the same. */
export function PictureNotes({ task, picture, values }: { task: Task; picture: Picture; values: Values }) {
  const allows = optionOf(task, ALLOWS_DAMAGED);
  const can = allows !== undefined && inForce(allows, values) !== true;
  return (
    <>
      {pictureNotes(picture).map(({ line, bad }) => (
        <p key={line} class={bad ? "p-error" : "p-help"}>
          <Words of={line} />
          {bad && can && (
            <>
              {". "}
              <ShowOption option={allows} inLine />
            </>
          )}
        </p>
      ))}
    </>
  );
}
