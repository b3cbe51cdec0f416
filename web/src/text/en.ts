/** Every text of the page, in English. Another language is another object of this type. */

const number = new Intl.NumberFormat("en");
const size = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const isOrAre = (count: number) => (count === 1 ? "is" : "are");
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
    skip: "To the picture",
    panel: "Options",
    openPanel: "Show the options",
    closePanel: "Hide the options",
    pictures: "Pictures",
    stage: "Picture",
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
    busy: "working",
  },
  empty: {
    title: "Open a photograph",
    line: "Drop it here, paste it, or choose it. Several at once, or a folder, become a batch.",
    touch: "Choose one picture, or several for a batch.",
    files: "Open pictures",
    folder: "Open a folder",
    reads: (extensions: string[]) =>
      `Reads ${kindsOf(extensions)}. Files keep their depth, profile and metadata.`,
    stays: "Your pictures stay on this server. Nothing is sent elsewhere.",
    drop: "Drop to open",
  },
  uploads: {
    title: "Opening pictures",
    count: (done: number, all: number) =>
      all === 1 ? "Opening 1 picture" : `Opening ${done} of ${all} pictures`,
    failed: (count: number) => `${one(count, "file")} could not be opened`,
    stop: "Stop",
    stopped: "Stopped",
    reading: "Reading",
    large: (bytes: number, most: number) =>
      `expected a file of at most ${fileSize(most)}, got ${fileSize(bytes)}; start restore serve with a larger --max-upload`,
    many: (most: number) =>
      `expected at most ${one(most, "picture")} at a time; close some, then open this one`,
    kind: (extensions: string[]) =>
      `expected a picture, got another kind of file; it can be ${kindsOf(extensions)}`,
    nothing: "None of these files is a picture.",
    noPaste: "There is no picture on the clipboard.",
    hidden: (count: number) => `${one(count, "other file")} left out: not pictures`,
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
    showFailed: (title: string) => `${title} failed: show why`,
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
    emptyLine: "Jobs appear here while they run, with the time left.",
    now: "Now",
    next: "Next",
    ended: "Ended",
    cancel: "Cancel",
    cancelJob: (name: string) => `Cancel ${name}`,
    cancelAll: "Cancel all",
    preview: "Preview",
    left: (seconds: number) => `${duration(Math.max(1, seconds))} left`,
    step: (step: number, steps: number) => `step ${step} of ${steps}`,
    before: (count: number) => (count === 0 ? "Next" : `${one(count, "job")} ahead of it`),
    took: (seconds: number) => `in ${duration(seconds)}`,
    progress: (name: string) => `Progress of ${name}`,
    show: (name: string) => `Show ${name}`,
    forget: (title: string, name: string, results: number) =>
      results === 0
        ? `Remove ${title} of ${name} from the list`
        : `Delete ${title} of ${name}, with its ${results === 1 ? "result" : `${results} results`}`,
  },
  status: {
    queued: "Waiting",
    running: "Running",
    done: "Done",
    unchanged: "Nothing to do",
    damaged: "Done, but the file is damaged",
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
    damaged: (task: string, name: string) =>
      `${task} of ${name} is done, as far as the damaged file could be read`,
    failed: (task: string, name: string, error: string) => `${task} of ${name} failed: ${error}`,
    cancelled: (task: string, name: string) => `${task} of ${name} is cancelled`,
    chosen: (task: string) => `${task} is chosen, and its options are shown`,
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
    leftOut: {
      mask: (count: number) => `${one(count, "picture")} without a mask ${isOrAre(count)} left out.`,
      place: (count: number) =>
        `${one(count, "picture")} in which nothing is marked ${isOrAre(count)} left out.`,
      map: (count: number) =>
        `The map of uncertainty is left out for ${one(count, "file")} of several pictures.`,
    },
    missing: {
      mask: "None of these pictures has a mask yet. Open one and paint over what is to be filled.",
      place: "Nothing is marked in these pictures yet. Open one and click what is to be erased.",
    },
    lacks: { mask: "No mask yet", place: "Nothing marked yet" },
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
    lost: "The server cannot be reached.",
    lostLine:
      "The page continues when the server is back. If it was stopped, start restore serve again and open its new address.",
    again: "Try now",
    back: "The server is back.",
  },
  gate: {
    passwordTitle: "restore",
    passwordLine: "This server asks for a password.",
    password: "Password",
    enter: "Enter",
    wrong: "This password is wrong.",
    tokenTitle: "This is not the right address",
    tokenLine:
      "Each time it starts, restore serve prints a new address with a token in it. Open that address, from the terminal:",
    staleTitle: "The server was restarted",
    staleLine: "It has a new address with a new token. Open the address that it printed in the terminal:",
    address: "Address, or its token",
    go: "Open",
    noToken: "There is no token in this text.",
  },
  errors: {
    status: (status: number) =>
      ({
        0: "The server cannot be reached.",
        408: "The file came too slowly; try again.",
        413: "The file is larger than this server accepts.",
        415: "This file is not a picture that can be read here.",
        429: "The queue is full; wait until some jobs have ended.",
        503: "The server is busy; try again in a moment.",
        507: "The disk of the server is full; free some space, then try again.",
      })[status] ?? `The server answered ${status} and did not say why; try again.`,
  },

  // ------------------------------------------------------------------ stage (web/src/stage)
  stage: {
    picture: (name: string) => `Picture ${name}`,
    before: "Before",
    after: "After",
    awaited: "After …",
    tools: "Mask tools",
    placeTools: "Erase tools",
    tool: {
      pan: "Move the picture",
      brush: "Brush",
      eraser: "Eraser",
      lasso: "Lasso",
      box: "Box",
      magic: "Select an object",
    },
    brushSize: "Brush size",
    pixels: (across: number) => `${number.format(across)} px`,
    pixelsWide: (across: number) => one(across, "pixel"),
    add: "Add",
    take: "Subtract",
    undo: "Undo",
    redo: "Redo",
    clear: "Remove the mask",
    clearMarks: "Remove the marks",
    look: "How the mask is shown",
    showMask: "Show the mask",
    colour: "Colour",
    colours: ["Red", "Blue", "Green", "Pink", "Yellow"],
    opacity: "Opacity",
    pressure: "Pen pressure sets the size",
    unsaved: (why: string) => `The mask is not saved yet: ${why}`,
    comparing: "Before and after",
    modes: {
      picture: "Before",
      divider: "Divider",
      side: "Side by side",
      blink: "Blink",
      result: "After",
    },
    divider: "Divider between before and after",
    dividerAt: (share: number) => `${share} % before`,
    zoom: "Zoom",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    whole: "Actual pixels, 100 %",
    wholeResult: "Actual pixels of the result",
    fit: "The whole picture",
    map: "Uncertainty",
    ramp: "Colours from dark violet (sure) to yellow (unsure)",
    sure: "sure",
    unsure: "unsure",
    selecting: "Looking for the object here",
    aroundIt: "Paint over it, or draw a lasso or a box around it.",
    boxIt: "Draw a box around it.",
    dismiss: "Close",
    zoomIs: (percent: string) => `Zoom ${percent}.`,
    shown: {
      before: "Before is shown.",
      after: "After is shown.",
      divider: "Before and after are shown, with a divider between them.",
      side: "Before and after are shown side by side.",
    },
    noMask: "No mask.",
    maskOf: (share: string) => `Mask of ${share} of the picture.`,
    lessThan: (share: string) => `less than ${share}`,
    crosshairAt: (x: number, y: number) => `Crosshair at ${x}, ${y}.`,
    help:
      "The arrow keys move a crosshair. Hold Space to paint with the brush; press it to set a point of a lasso or a " +
      "corner of a box, or to select an object. Enter closes a lasso, Escape cancels. Plus and minus zoom.",
    helpView: "The arrow keys move the picture. Plus and minus zoom, 0 shows all of it, 1 its actual pixels.",
    keys: {
      view: "View",
      mask: "Mask",
      place: "Erase",
      hand: "On the picture",
      compare: "Compare before and after in another way",
      peek: "Hold to see the other of before and after",
      sign: "Lasso, box, object: add or subtract",
      smaller: "Smaller brush",
      larger: "Larger brush",
      arrows: "Move the crosshair, or the picture",
      far: "Move farther",
      space: "Paint, set a point; with the mouse: hold to move the picture",
      enter: "Close a lasso or a box, select an object",
      back: "Remove the last point",
      escape: "Cancel what was begun",
    },
  },

  // ------------------------------------------------------------------ panel (web/src/panel)
  panel: {
    changed: "changed",
    resetOne: (label: string) => `Reset ${label} to its default`,
    numberOf: (label: string) => `${label}, as a number`,
    auto: "Automatic",
    batchHelp: (count: number) => `These options apply to ${one(count, "picture")}.`,
    batchOwn: {
      mask: "Each is filled where it has a mask, with its own grow and feather.",
      place: "What is erased is what was marked in each.",
    },
    batchAlone: (flags: string[], name: string) =>
      `${flags.join(", ")} ${isOrAre(flags.length)} of ${name} alone.`,
    pages: (count: number) =>
      `The file holds ${one(count, "picture")}. The first is shown; all are restored, or those of Pages in More options`,
    showOption: (flag: string) => `Show ${flag}`,
    run: {
      inpaint: "Fill",
      denoise: "Denoise",
      upscale: "Enlarge",
      dejpeg: "Remove JPEG artefacts",
      repair: "Repair",
      erase: "Erase",
      colorize: "Add colours",
      deblur: "Sharpen",
      solve: "Solve",
      vary: "Vary",
    } as Record<string, string>,
    runAll: (words: string, count: number) => `${words} ${one(count, "picture")}`,
    waiting: (before: number) =>
      before === 0 ? "Next in the queue" : `Waiting, ${one(before, "job")} ahead`,
    waitsFor: (task: string, name: string) => `Waits for ${task}${name ? ` of ${name}` : ""}`,
    starting: "Starting",
    cancel: "Cancel",
    left: (words: string) => `${words} left`,
    intro: {
      erase: "Click a small object in the picture, or draw a box with the box tool.",
      colorize: "Adds likely colours to a gray picture. They are not the colours that it had.",
      solve: "Undoes damage that you can describe, step by step in the order in which it happened.",
      vary: "Draws the picture again, close to the original or far from it.",
    } as Record<string, string>,
    missing: {
      inpaint: "Paint over what is to be filled.",
      solve: "Say what was done to the picture.",
      erase: "Click an object in the picture, or draw a box around it.",
      deblur: "Choose a kernel file.",
    },
    fill: {
      pixels: (count: number) => `${count} px`,
      grow: "Grow",
      growHelp: "Widens the mask by this many pixels, in case it misses the edge of a scratch.",
      feather: "Feather",
      featherHelp: "Blends the fill into the picture over this many pixels around the mask.",
      mask: "Mask",
      upload: "Upload",
      download: "Download",
      uploadHelp: "White on black, or strokes of one colour.",
      samples: "Results",
      fewer: "One result fewer",
      more: "One result more",
      kind: "Kind",
      sample: "Natural",
      mean: "Average",
      sampleHelp: "One natural-looking possibility. Another seed gives another.",
      meanHelp: "The average of all possibilities: smoother, with nothing made up.",
      seed: "Seed",
      dice: "Another seed",
    },
    denoise: {
      looking: "Looking at the noise",
      strength: "Strength",
      luma: "Brightness",
      chroma: "Colour",
      split: "Brightness and colour separately",
      specks: "Single damaged pixels",
      specksHelp: "Salt and pepper noise, hot pixels: repaired first.",
      page: "A printed page",
      pageHelp: "Evens out the paper to white and keeps the ink.",
    },
    preview: {
      now: "Preview the part in view",
      auto: "Preview after each change",
      working: "Computing the preview",
      shown: "The part in view is a preview",
      close: "Remove the preview",
    },
    upscale: {
      by: "Set size by",
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
    },
    dejpeg: {
      looking: "Reading the file's tables",
      quality: "Saved with quality",
      qualityHelp:
        "Needed only if the file is no longer a JPEG, or was saved again. Otherwise the file itself says.",
    },
    repair: {
      looking: "Looking for scratches and dust",
      sensitivity: "Sensitivity",
      low: "Low",
      normal: "Normal",
      high: "High",
      only: "Look for",
      all: "All",
      scratches: "Scratches",
      specks: "Specks",
      editHelp: "Erase marks that are not damage; paint over damage that was missed.",
      edited: "The marks were changed. They are filled as they are now.",
      fill: "Fill the marks",
      back: "Back to what was found",
    },
    erase: {
      at: "Objects",
      atHelp: "A point in each, as X,Y, one per line.",
      box: "Boxes",
      boxHelp: "Left, top, width and height in pixels, or in per cent as 10%,20%,5%,5%; one per line.",
      grow: "Grow",
      growHelp:
        "Widens the hole by this many pixels. By default 4 pixels and 2 % of its size for an object, nothing for a box.",
    },
    deblur: {
      looking: "Reading the kernel",
      blur: "Kind of blur",
      gaussian: "Soft",
      disc: "Out of focus",
      motion: "Motion",
      file: "File",
      sigma: "Width",
      radius: "Radius",
      length: "Length",
      angle: "Angle",
      angleHelp: "Degrees from the right, turning up.",
      kernelFile: "Kernel, as a picture or numbers",
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
      help: "One per line: blur=gaussian:1.5, down=2, area=2, gray, jpeg=40.",
    },
    more: {
      open: "More options",
      changedCount: (count: number) => `${count} changed`,
      title: (task: string) => `${task}: all options`,
      back: "Back",
      search: "Search options",
      searchNone: (query: string) => `No option matches “${query}”.`,
      found: (count: number) => one(count, "option"),
      resetAll: "Reset all",
      onlyChanged: (count: number) => `Only changed (${count})`,
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
      aLine: "One per line",
      file: "Choose a file",
      another: "Add a file",
      uploading: "Uploading",
      remove: (name: string) => `Remove ${name}`,
    },
    command: {
      title: "The same on the command line",
      copy: "Copy",
      copied: "Copied",
      failed: "It could not be copied. Select the line and copy it by hand.",
    },
    result: {
      title: "Result",
      use: "Continue from it",
      map: "Download the map of uncertainty",
      again: "Try again",
      failed: "It failed",
      damaged: "The file is damaged, so nothing was restored.",
      failedOf: (task: string) => `${task} failed:`,
      command: "The command of this result",
      reuse: "Use these options",
      reused: (task: string) => `${task} has the options of this result`,
      unchanged: "There was nothing to do: the file is a copy.",
      facts: "Facts",
      seed: "Seed",
    },
    facts: {
      noise: "Noise",
      method: "Method",
      level: "Noise level",
      specks: "Specks",
      stripes: "Stripes",
      quality: "JPEG quality",
      found: "Found",
      filled: "Filled",
      how: "How",
      removed: "Removed",
      uncertain: "Uncertainty",
      doubts: "Doubtful",
      damaged: "The file",
      size: "Size",
      took: "Took",
      ofPicture: (share: string) => `${share} of the picture`,
      otherPages: (pages: string) =>
        `Page 1 is shown, which was left as it is. Restored: ${/[-,]/.test(pages) ? "pages" : "page"} ` +
        pages.replaceAll(",", ", "),
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

/** The names of the kinds of files with these extensions. */
function kindsOf(extensions: string[]): string {
  const kinds: Record<string, string> = {
    ...{ ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP" },
    ...{ ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".jxl": "JPEG XL", ".bmp": "BMP", ".gif": "GIF" },
  };
  return [...new Set(extensions.map((extension) => kinds[extension.toLowerCase()] ?? ""))]
    .filter(Boolean)
    .join(", ");
}

export type Text = typeof text;
