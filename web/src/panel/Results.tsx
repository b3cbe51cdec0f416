import { api, uploadPicture, urls } from "../api/client";
import type { Job, Picture, Result } from "../api/types";
import { forget, wordsOf } from "../store/actions";
import { choosePicture, show, shown, shownJob } from "../store/choice";
import { tell } from "../store/notices";
import { keepPicture } from "../store/sync";
import { text } from "../text/en";
import { saveAddress } from "./download";
import { factsOf, plainNotes } from "./facts";
import { Icon } from "./icons";

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

function Samples({ job, picture }: { job: Job; picture: string }) {
  if (job.results.length < 2) return null;
  return (
    <fieldset class="p-samples" aria-label={t.results(job.results.length)}>
      {job.results.map((result, index) => (
        <button
          key={result.picture}
          type="button"
          class="p-sample"
          aria-pressed={result.picture === picture}
          aria-label={t.sample(index + 1, result.seed)}
          title={result.seed === null ? undefined : `${t.seed} ${result.seed}`}
          onClick={() => show(job.picture, result.picture)}
        >
          <img src={urls.thumbnail(result.picture)} alt="" loading="lazy" />
        </button>
      ))}
    </fieldset>
  );
}

function Facts({ job, result }: { job: Job; result: Result | undefined }) {
  const facts = factsOf(job);
  const seed = result?.seed ?? null;
  const rows = seed === null ? facts : [{ name: t.seed, value: String(seed) }, ...facts];
  const known = rows.map(({ value }) => value.toLowerCase());
  const notes = plainNotes(job).filter(
    (note) => !known.some((value) => note.toLowerCase().startsWith(value)),
  );
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
          {note}
        </p>
      ))}
    </>
  );
}

/** The result that is shown: what is known of it, and what can be done with it. */
export function Results() {
  const picture = shown.value;
  const job = shownJob.value;
  if (picture === null || job === null) return null;
  const result = job.results.find((each) => each.picture === picture.id);
  return (
    <section class="p-result" aria-label={t.title}>
      <h3>{job.results.length > 1 ? t.results(job.results.length) : t.title}</h3>
      <Samples job={job} picture={picture.id} />
      {job.status === "unchanged" && <p class="p-help">{t.unchanged}</p>}
      <Facts job={job} result={result} />
      <div class="p-row">
        <button
          type="button"
          class="button p-grow"
          onClick={() => saveAddress(urls.file(picture.id), picture.name)}
        >
          <Icon name="download" />
          {t.download}
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={t.use}
          title={t.use}
          onClick={() => void continueFrom(picture)}
        >
          <Icon name="next" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={t.remove}
          title={t.remove}
          onClick={() => void forget(job.id)}
        >
          <Icon name="trash" />
        </button>
      </div>
    </section>
  );
}
