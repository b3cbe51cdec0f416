import type { Job, Task } from "../api/types";
import { tellFailure } from "../store/choice";
import { titleOf } from "../store/history";
import { text } from "../text/en";
import { shortError } from "../text/notes";
import { followReuse, usesOptionsOf } from "./reuse";
import { ShowOption } from "./ShowOption";
import { optionOf } from "./values";
import { Words } from "./Words";

const t = text.panel;

/** What went wrong in a job that was chosen in the strip. */
export function Failure({ job, task }: { job: Job; task: Task }) {
  const same = usesOptionsOf(job);
  const option = same && job.option !== null ? optionOf(task, job.option) : undefined;
  return (
    <div class="p-alert" role="alert">
      <p>
        <strong>{t.result.failedOf(titleOf(job.task))}</strong> <Words of={shortError(job)} />
      </p>
      <div class="p-row">
        {option && <ShowOption option={option} />}
        {!same && (
          <button type="button" class="p-link" onClick={() => followReuse(job)}>
            {t.result.reuse}
          </button>
        )}
        <button type="button" class="p-link" onClick={() => tellFailure(job.picture, null)}>
          {text.shell.close}
        </button>
      </div>
    </div>
  );
}
