import type { Job } from "../../api/types";
import { picture } from "../../store/choice";
import { titleOf } from "../../store/history";
import { text } from "../../text/en";
import { lookWords } from "../facts";
import { Icon } from "../icons";
import { ShowOption } from "../ShowOption";
import type { Look } from "../use";
import { Words } from "../Words";

const waiting = (job: Job) =>
  text.panel.waitsFor(titleOf(job.task), picture.value?.id === job.picture ? "" : job.picture_name);

/** What a look at the picture has found, in words, or that it is being looked at. */
export function Found({ look, working }: { look: Look; working: string }) {
  if (look.working) {
    return (
      <p class="p-found p-working" role="status">
        {look.behind ? waiting(look.behind) : `${working}…`}
      </p>
    );
  }
  if (look.wrong) {
    const option = look.option;
    return (
      <div class="p-found">
        <p class="p-error" role="alert">
          <Words of={look.wrong.message} />
        </p>
        {option ? (
          <ShowOption option={option} />
        ) : (
          <button type="button" class="button" onClick={look.again}>
            <Icon name="reset" />
            {text.panel.result.again}
          </button>
        )}
      </div>
    );
  }
  if (look.job === null) return null;
  const lines = lookWords(look.job);
  if (lines.length === 0) return null;
  return (
    <div class="p-found" role="status">
      {lines.map((line) => (
        <p key={line}>
          <Words of={line} />
        </p>
      ))}
    </div>
  );
}
