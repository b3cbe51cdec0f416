import { Icon } from "../parts/icon";
import { session } from "../store/data";
import { coarse } from "../store/shell";
import { text } from "../text/en";
import { chooseFiles } from "./files";

/** What is there before a picture is: an invitation. */
export function Empty() {
  const known = session.value;
  return (
    <section class="empty" aria-labelledby="empty-title">
      <Sheet />
      <h1 id="empty-title">{text.empty.title}</h1>
      <p>{coarse.value ? text.empty.touch : text.empty.line}</p>
      <div class="empty-buttons">
        <button type="button" class="button primary" onClick={() => chooseFiles(false)}>
          {text.empty.files}
        </button>
        {!coarse.value && (
          <button type="button" class="button" onClick={() => chooseFiles(true)}>
            <Icon name="folder" size={18} />
            {text.empty.folder}
          </button>
        )}
      </div>
      {known && (
        <p class="small">
          {text.empty.reads(known.extensions)}
          <br />
          {text.empty.stays}
        </p>
      )}
    </section>
  );
}

/** A photograph, damaged at the left of a divider and whole at its right. */
function Sheet() {
  return (
    <svg class="empty-sheet" viewBox="0 0 240 160" aria-hidden="true">
      <clipPath id="frame">
        <rect x="0.75" y="0.75" width="238.5" height="158.5" rx="5" />
      </clipPath>
      <g clip-path="url(#frame)">
        <rect class="sky" width="240" height="160" />
        <circle class="sun" cx="168" cy="58" r="17" />
        <path
          class="far"
          d="M0 112c30-26 52-34 76-22 18 9 30 16 52 4 26-14 44-26 70-14 18 8 28 14 42 14v66H0Z"
        />
        <path class="near" d="M0 138c40-18 66-20 98-8 40 14 84 12 142-10v40H0Z" />
        <g class="worn">
          <rect class="fade" width="112" height="160" />
          <path
            class="scratch"
            d="M30 0c2 34-6 60-2 92s6 44 2 68M74 18c-4 30 8 52 4 76M92 100c-8 20-2 36-6 60"
          />
          <path
            class="dust"
            d="M14 40h.01M52 26h.01M60 70h.01M20 96h.01M100 48h.01M46 124h.01M88 84h.01M106 132h.01M64 146h.01"
          />
        </g>
      </g>
      <path class="divider" d="M112 0v160" />
      <circle class="handle" cx="112" cy="80" r="9" />
      <path class="arrows" d="M109.5 77l-3 3 3 3M114.5 77l3 3-3 3" />
    </svg>
  );
}
