/** Every text of the page, in English. Another language is another object of this type. */

const number = new Intl.NumberFormat("en");
const size = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const one = (count: number, single: string, many = `${single}s`) =>
  `${number.format(count)} ${count === 1 ? single : many}`;

/** A time in whole units: "8 s", "3 min", "1 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 0.95) return "less than 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${size.format(bytes / 1e6)} MB` : `${size.format(bytes / 1e9)} GB`;
}

export function megapixels(pixels: number): string {
  return `${size.format(pixels / 1e6)} megapixels`;
}

export const text = {
  // ------------------------------------------------------------------ shell (web/src/shell)
  shell: {
    title: "restore",
    tasks: "Tasks",
    panel: "Options",
    openPanel: "Show the options",
    closePanel: "Hide the options",
    pictures: "Pictures",
    stage: "Picture",
    results: "Results",
    keys: "Keys",
    showKeys: "Show the keys",
    close: "Close",
    dismiss: "Dismiss",
    loading: "Loading",
  },
  tabs: {
    open: "Open pictures",
    close: (name: string) => `Close ${name}`,
    closed: (name: string) => `${name} is closed`,
    previous: "Previous picture",
    next: "Next picture",
    table: "All pictures",
    picture: "One picture",
    busy: "working",
  },
  empty: {
    title: "Open a photograph",
    line: "Drop it here, paste it, or choose it. Several at once, or a folder, become a batch.",
    touch: "Choose one picture, or several for a batch.",
    files: "Open pictures",
    folder: "Open a folder",
    reads: (endings: string[]) =>
      `Reads ${[...new Set(endings.map(kindOf))].filter(Boolean).join(", ")}. Files keep their depth, profile and metadata.`,
    stays: "Pictures stay with this server: nothing is sent elsewhere.",
    drop: "Drop to open",
  },
  uploads: {
    title: "Opening pictures",
    count: (done: number, all: number) =>
      all === 1 ? "Opening 1 picture" : `Opening ${done} of ${all} pictures`,
    failed: (count: number) => `${one(count, "file")} could not be opened`,
    stop: "Stop",
    stopped: "Stopped",
    share: (name: string, share: number) => `${name}: ${Math.round(share * 100)} per cent`,
    reading: "Reading",
    large: (bytes: number, most: number) =>
      `expected a file of at most ${fileSize(most)}, got ${fileSize(bytes)}; start restore serve with a higher limit`,
    many: (most: number) =>
      `expected at most ${one(most, "picture")} at a time; close some, then open this one`,
    kind: (endings: string[]) =>
      `expected a picture, got another kind of file; it can be ${endings.join(", ")}`,
    nothing: "There is no picture in what was dropped.",
    noPaste: "There is no picture in what was pasted.",
    hidden: (count: number) => `${one(count, "other file")} left out: no pictures`,
    pasted: "pasted",
  },
  strip: {
    title: "Results of this picture",
    original: "Original",
    show: (title: string) => `Show ${title}`,
    sample: (task: string, index: number) => `${task}, sample ${index}`,
    samples: (task: string, count: number) => `${task}, ${one(count, "sample")}`,
    download: "Download",
    downloadName: (name: string) => `Download ${name}`,
    forget: (title: string) => `Delete ${title}`,
    forgotten: (title: string) => `${title} is deleted`,
    failed: "failed",
    cancelled: "cancelled",
    unchanged: "nothing to do",
    previous: "Previous result",
    next: "Next result",
    size: (width: number, height: number) => `${number.format(width)} × ${number.format(height)}`,
    bits: (bits: number) => (bits === 32 ? "32-bit float" : `${bits} bit`),
  },
  queue: {
    title: "Queue",
    open: (count: number) => (count ? `Queue, ${one(count, "job")}` : "Queue"),
    empty: "Nothing is waiting.",
    emptyLine: "What is computed appears here, with the time left.",
    now: "Now",
    next: "Next",
    ended: "Ended",
    cancel: "Cancel",
    cancelJob: (name: string) => `Cancel ${name}`,
    cancelAll: "Cancel all",
    clear: "Clear the list",
    preview: "Preview",
    left: (seconds: number) => `${duration(seconds)} left`,
    step: (step: number, steps: number) => `step ${step} of ${steps}`,
    before: (count: number) => (count === 0 ? "Next" : `${one(count, "job")} before it`),
    took: (seconds: number) => `in ${duration(seconds)}`,
    progress: (name: string) => `Progress of ${name}`,
    show: (name: string) => `Show ${name}`,
  },
  status: {
    queued: "Waiting",
    running: "Running",
    done: "Done",
    unchanged: "Nothing to do",
    damaged: "Done, the file is damaged",
    failed: "Failed",
    cancelled: "Cancelled",
    none: "Not started",
    starting: "Starting",
  },
  says: {
    queued: (task: string, name: string) => `${task} of ${name} is waiting`,
    running: (task: string, name: string) => `${task} of ${name} has begun`,
    done: (task: string, name: string, seconds: number | null) =>
      `${task} of ${name} is done${seconds === null ? "" : ` in ${duration(seconds)}`}`,
    unchanged: (task: string, name: string) => `${task} of ${name}: nothing to do`,
    damaged: (task: string, name: string) => `${task} of ${name} is done as far as the damaged file goes`,
    failed: (task: string, name: string, error: string) => `${task} of ${name} failed: ${error}`,
    cancelled: (task: string, name: string) => `${task} of ${name} is cancelled`,
    chosen: (task: string) => `${task}: the options are those of this task now`,
  },
  table: {
    title: (count: number) => one(count, "picture"),
    caption: "Pictures and their states",
    all: "Choose all",
    choose: (name: string) => `Choose ${name}`,
    name: "Name",
    size: "Size",
    state: "State",
    found: "Found",
    time: "Time",
    actions: "Actions",
    open: (name: string) => `Open ${name}`,
    run: (task: string, count: number) => `${task}: ${one(count, "picture")}`,
    none: "Choose pictures",
    download: "Download all",
    cancel: "Cancel all",
    counts: {
      done: (count: number) => `${number.format(count)} done`,
      running: (count: number) => `${number.format(count)} running`,
      waiting: (count: number) => `${number.format(count)} waiting`,
      failed: (count: number) => `${number.format(count)} failed`,
    },
    started: (count: number) => `${one(count, "job")} added to the queue`,
    noMask: "expected a mask, got none; open the picture and paint what to fill",
  },
  keySheet: {
    title: "Keys",
    general: "Page",
    pictures: "Pictures and results",
    open: "Open pictures",
    folder: "Open a folder",
    tasks: "Next or previous task",
    table: "All pictures in a table",
    queue: "Queue",
    panel: "Options",
    keys: "This list",
    escape: "Close what is open",
    download: "Download what is shown",
    original: "The original",
    paste: "Paste a picture",
    names: {
      Ctrl: "Ctrl",
      Command: "⌘",
      Shift: "Shift",
      ArrowLeft: "←",
      ArrowRight: "→",
      ArrowUp: "↑",
      ArrowDown: "↓",
      PageUp: "Page up",
      PageDown: "Page down",
      Escape: "Esc",
      Enter: "Enter",
      Delete: "Del",
      Backspace: "⌫",
      " ": "Space",
    } as Record<string, string>,
  },
  server: {
    lost: "The server is not reached.",
    lostLine:
      "Nothing here is lost while this page stays open. If it was stopped, start restore serve again.",
    again: "Try now",
    back: "The server is back.",
  },
  gate: {
    passwordTitle: "restore",
    passwordLine: "This server asks for a password.",
    password: "Password",
    enter: "Enter",
    show: "Show the password",
    wrong: "The password is not right.",
    tokenTitle: "This address is not the right one",
    tokenLine:
      "Each start of restore serve has an address of its own, with a token in it. Open the one that was printed in the terminal:",
    staleTitle: "The server was started anew",
    staleLine:
      "It has another address now, with another token. Open the one that was printed in the terminal:",
    address: "Address, or its token",
    go: "Open",
    noToken: "There is no token in this.",
  },
  errors: {
    status: (status: number) =>
      ({
        0: "The server is not reached.",
        408: "The file came too slowly; try again.",
        413: "The file is larger than this server takes.",
        415: "This file is no picture that can be read here.",
        429: "The queue is full; wait until some jobs have ended.",
        503: "The server is busy; try again in a moment.",
        507: "The disk of the server is full; free some space, then try again.",
      })[status] ?? `The server answered ${status} and did not say why; try again.`,
  },

  // ------------------------------------------------------------------ stage (web/src/stage)
  stage: {
    picture: (name: string) => `Picture ${name}`,
  },

  // ------------------------------------------------------------------ panel (web/src/panel)
  panel: {
    changed: "changed",
    resetOne: (label: string) => `Reset ${label} to its default`,
    numberOf: (label: string) => `${label}, as a number`,
    auto: "Automatic",
    batchHelp: (count: number) => `What is set here is done to ${one(count, "picture")}.`,
    showOption: (flag: string) => `Show ${flag}`,
    run: {
      inpaint: "Fill",
      denoise: "Denoise",
      upscale: "Enlarge",
      dejpeg: "Remove JPEG traces",
      repair: "Repair",
      erase: "Erase",
      colorize: "Give colours",
      deblur: "Sharpen",
      solve: "Solve",
      vary: "Vary",
    } as Record<string, string>,
    runAll: (words: string, count: number) => `${words} ${one(count, "picture")}`,
    waiting: (place: number) => (place <= 1 ? "Next in the queue" : `Place ${place} in the queue`),
    starting: "Starting",
    cancel: "Cancel",
    left: (words: string) => `${words} left`,
    intro: {
      upscale: "",
      colorize: "Colours are drawn for a gray picture: likely ones, not those that it had.",
      solve: "Undo a damage that you can name, in the order in which it happened.",
      vary: "Draw the picture again, near to it or far from it.",
    } as Record<string, string>,
    missing: {
      inpaint: "Paint over what is to be filled.",
      solve: "Say what was done to it.",
      erase: "Say where: a box, or a point of an object.",
      deblur: "Choose the file of the kernel.",
    },
    fill: {
      tools: "Tools",
      brush: "Brush",
      eraser: "Eraser",
      lasso: "Lasso",
      box: "Box",
      magic: "Magic select: click on a small object",
      size: "Size",
      pixels: (count: number) => `${count} px`,
      undo: "Undo",
      redo: "Redo",
      clear: "Clear the mask",
      grow: "Grow",
      growHelp: "Widens the hole by this many pixels, where the mask leaves the rim of a scratch.",
      feather: "Feather",
      featherHelp: "Lets the fill pass into the picture over this many pixels around the hole.",
      mask: "Mask",
      upload: "Upload",
      download: "Download",
      uploadHelp: "White on black, or strokes of one colour.",
      uploadFailed: "The mask was not taken",
      samples: "Results",
      fewer: "One result fewer",
      more: "One result more",
      kind: "Kind",
      sample: "Natural",
      mean: "Average",
      sampleHelp: "One natural-looking possibility. Another seed gives another one.",
      meanHelp: "The average of all possibilities: smoother, with nothing made up.",
      seed: "Seed",
      dice: "Another seed",
    },
    denoise: {
      looking: "Looking at the noise",
      strength: "Strength",
      luma: "Brightness",
      chroma: "Colour",
      split: "Set brightness and colour apart",
      specks: "Single damaged pixels",
      specksHelp: "Salt and pepper, hot pixels: repaired first.",
      page: "A printed page",
      pageHelp: "Evens out the paper to white and keeps the ink.",
    },
    preview: {
      title: "Preview",
      now: "Preview the part in view",
      auto: "Preview after each change",
      working: "Computing the preview",
      shown: "The part in view is a preview",
      stale: "Preview of former settings",
      close: "Remove the preview",
    },
    upscale: {
      by: "Size by",
      scale: "Factor",
      width: "Width",
      height: "Height",
      max_side: "Longest side",
      factor: "Factor",
      free: "Free",
      times: (factor: number) => `${factor}×`,
      result: (width: number, height: number, mega: string) =>
        `${width} × ${height} pixels, ${mega} megapixels`,
      none: "From 1 to 8 times the size of the picture",
      pixels: "Pixels",
      estimate: "Kind",
    },
    dejpeg: {
      looking: "Reading the file's tables",
      quality: "Saved with quality",
      qualityHelp:
        "Only where the file is no JPEG any more, or was saved again. Otherwise its own tables tell.",
    },
    repair: {
      looking: "Looking for scratches and dust",
      sensitivity: "Sensitivity",
      low: "Low",
      normal: "Normal",
      high: "High",
      only: "What",
      all: "All",
      scratches: "Scratches",
      specks: "Specks",
      edit: "Correct the marks",
      editHelp: "Erase what is no damage, paint what was missed.",
      again: "Look again",
      edited: "The marks were changed: they are filled as they are now.",
      nothing: "Nothing was found.",
      back: "Back to what was found",
    },
    deblur: {
      looking: "Measuring",
      blur: "The blur",
      gaussian: "Soft",
      disc: "Out of focus",
      motion: "Moved",
      file: "File",
      sigma: "Width",
      radius: "Radius",
      length: "Length",
      angle: "Angle",
      angleHelp: "Degrees from the right, turning up.",
      kernelFile: "Picture or numbers of the kernel",
      noise: "Noise",
      noiseHelp: "0 to 255. Left empty, it is measured. More gives a softer result.",
      measured: "Measured",
    },
    vary: {
      strength: "How far",
      strengthHelp: "0.1 changes grain and fine texture, 0.5 all but large shapes.",
    },
    solve: {
      operators: "What was done to it",
      help: "One a line: blur=gaussian:1.5, down=2, area=2, gray, jpeg=40.",
    },
    more: {
      open: "More options",
      changedCount: (count: number) => `${count} changed`,
      title: (task: string) => `${task}: all options`,
      back: "Back",
      search: "Search options",
      searchNone: (query: string) => `No option has to do with “${query}”.`,
      found: (count: number) => one(count, "option"),
      resetAll: "Reset all",
      onlyChanged: (count: number) => `Only the changed (${count})`,
      allOptions: "Show all",
      yes: "Yes",
      no: "No",
      byDefault: (on: boolean) => (on ? "Default: yes" : "Default: no"),
      standard: (value: string) => `${value} (default)`,
      rangeSentence: (range: string) => `${range.charAt(0).toUpperCase()}${range.slice(1)}.`,
      range: (low: number | null, high: number | null) => {
        if (low !== null && high !== null) return `${low} to ${high}`;
        return low !== null ? `at least ${low}` : high !== null ? `at most ${high}` : "";
      },
      aLine: "One a line",
      file: "Choose a file",
      another: "Add a file",
      uploading: "Uploading",
      remove: (name: string) => `Remove ${name}`,
    },
    command: {
      title: "The same on the command line",
      copy: "Copy",
      copied: "Copied",
      failed: "It was not copied. Select the line and copy it by hand.",
    },
    result: {
      title: "Result",
      results: (count: number) => `${one(count, "result")}: choose one`,
      sample: (index: number, seed: number | null) =>
        `Result ${index}${seed === null ? "" : `, seed ${seed}`}`,
      download: "Download",
      downloadAll: "Download all",
      use: "Continue from it",
      compare: "Compare",
      map: "Uncertainty",
      remove: "Delete",
      again: "Try again",
      failed: "It failed",
      cancelled: "Cancelled.",
      unchanged: "Nothing was to be done: the file is a copy.",
      facts: "Facts",
      seed: "Seed",
    },
    facts: {
      noise: "Noise",
      level: "Noise level",
      specks: "Specks",
      stripes: "Stripes",
      quality: "JPEG quality",
      found: "Found",
      filled: "Filled",
      how: "How",
      removed: "Taken away",
      uncertain: "Uncertainty",
      doubts: "Doubtful",
      damaged: "The file",
      size: "Size",
      took: "Took",
      of255: (value: string) => `${value} of 255`,
      pixels: (width: number, height: number) => `${width} × ${height}`,
      seconds: (value: string) => `${value} s`,
      minutes: (value: number) => `${value} min`,
      hours: (value: string) => `${value} h`,
      damage: (specks: number, scratches: number) =>
        [specks > 0 ? one(specks, "speck") : "", scratches > 0 ? one(scratches, "scratch", "scratches") : ""]
          .filter(Boolean)
          .join(" and ") || "No damage",
      parts: (drawn: number, copied: number) =>
        [
          drawn > 0 ? `${one(drawn, "part")} drawn` : "",
          copied > 0 ? `${one(copied, "part")} copied from the picture` : "",
        ]
          .filter(Boolean)
          .join(", "),
    },
    sheet: { open: "Show the panel", close: "Show the picture" },
  },
};

function kindOf(ending: string): string {
  const kinds: Record<string, string> = {
    ...{ ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP" },
    ...{ ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".jxl": "JPEG XL", ".bmp": "BMP", ".gif": "GIF" },
  };
  return kinds[ending.toLowerCase()] ?? "";
}

export type Text = typeof text;
