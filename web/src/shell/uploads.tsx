import { Icon } from "../parts/icon";
import { Bar } from "../parts/progress";
import { dismissSendings, isSending, sendings, stopSending } from "../store/uploads";
import { text } from "../text/en";
import { besideName } from "../text/notes";

/** The files on their way, and those that could not be opened, each with its reason. */
export function Uploads() {
  const all = sendings.value;
  if (all.length === 0) return null;
  const failed = all.filter(({ status }) => status === "failed");
  const under = all.filter(({ status }) => status !== "failed");
  const done = under.filter(({ status }) => status === "done").length;
  const share = under.reduce((sum, each) => sum + each.share, 0) / Math.max(1, under.length);
  const only = under.length === 1 ? under[0] : undefined;
  return (
    <section class="card uploads" aria-label={text.uploads.title}>
      {isSending.value && (
        <div class="uploads-now">
          <p>
            {only ? only.file.name : text.uploads.count(done, under.length)}
            {share === 1 && <span class="soft">{text.uploads.reading}</span>}
          </p>
          <button
            type="button"
            class="icon-button"
            aria-label={text.uploads.stop}
            title={text.uploads.stop}
            onClick={stopSending}
          >
            <Icon name="close" size={16} />
          </button>
          <Bar share={share === 1 ? null : share} label={text.uploads.title} />
        </div>
      )}
      {failed.length > 0 && (
        <div class="uploads-failed" role="alert">
          <header>
            <p>{text.uploads.failed(failed.length)}</p>
            <button
              type="button"
              class="icon-button"
              aria-label={text.shell.dismiss}
              title={text.shell.dismiss}
              onClick={dismissSendings}
            >
              <Icon name="close" size={16} />
            </button>
          </header>
          <ul>
            {failed.map(({ id, file, error }) => (
              <li key={id}>
                <strong>{file.name}</strong>
                <span>{besideName(error ?? "", file.name)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
