import { api, uploadPicture, urls } from "../api/client";
import type { Job, Picture } from "../api/types";
import { wordsOf } from "../store/actions";
import { choosePicture, shown, shownJob, shownMap } from "../store/choice";
import { titleOf } from "../store/history";
import { tell } from "../store/notices";
import { keepPicture } from "../store/sync";
import { text } from "../text/en";
import { Command } from "./Command";
import { factsOf, freshNotes, pagesNote, seedOf } from "./facts";
import { Icon } from "./icons";
import { followReuse, usesOptionsOf } from "./reuse";
import { Words } from "./Words";

const t = text.panel.result;

/** Go on with a result as the picture to be restored: the file is taken as it is. */
async function continueFrom(result: Picture): Promise<void> {
  try {
    const blob = await api.file(result.id);
    const made = await uploadPicture(new File([blob], result.name), () => {}).done;
    keepPicture(made);
    choosePicture(made.id);
  } catch (error) {
    tell(wordsOf(error), "bad");
  }
}

function Facts({ job, index }: { job: Job; index: number }) {
  const seed = seedOf(job, index);
  const rows = [...(seed === null ? [] : [{ name: t.seed, value: String(seed) }]), ...factsOf(job)];
  const notes = [pagesNote(job), ...freshNotes(job)].filter(Boolean);
  return (
    <>
      <dl class="p-facts" aria-label={t.facts}>
        {rows.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {notes.map((note) => (
        <p class="p-help" key={note}>
          <Words of={note} />
        </p>
      ))}
    </>
  );
}

/** What is known of the result that is shown. The strip below the stage has its download and its neighbours. */
export function Results() {
  const picture = shown.value;
  const job = shownJob.value;
  const map = shownMap.value;
  if (picture === null || job === null) return null;
  return (
    <section class="p-result" aria-label={t.title}>
      <div class="p-head">
        <h3 class="p-label">{t.title}</h3>
        <span class="p-aside">{titleOf(job.task)}</span>
      </div>
      {job.status === "unchanged" && <p class="p-help">{t.unchanged}</p>}
      <Facts job={job} index={job.results.findIndex((each) => each.picture === picture.id)} />
      {map && (
        <a class="p-link p-more-link" href={urls.file(map.id)} download={map.name} title={map.name}>
          <Icon name="download" />
          {t.map}
        </a>
      )}
      {/* Where the panel is set to the same, its own command stands below the main button. */}
      {!usesOptionsOf(job) && (
        <>
          <Command command={job.command} title={t.command} />
          <button type="button" class="p-link p-more-link" onClick={() => followReuse(job)}>
            {t.reuse}
          </button>
        </>
      )}
      <button type="button" class="button" onClick={() => void continueFrom(picture)}>
        <Icon name="next" />
        {t.use}
      </button>
    </section>
  );
}
