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
    left: (seconds: number) => `${duration(Math.max(1, seconds))} left`,
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
    before: "Before",
    after: "After",
    tools: "Tools of the mask",
    tool: {
      pan: "Move the picture",
      brush: "Brush",
      eraser: "Eraser",
      lasso: "Lasso",
      box: "Box",
      magic: "Select an object",
    },
    brushSize: "Size of the brush",
    pixels: (across: number) => `${number.format(across)} px`,
    pixelsWide: (across: number) => one(across, "pixel"),
    undo: "Undo",
    redo: "Redo",
    clear: "Remove the mask",
    look: "How the mask is shown",
    showMask: "Show the mask",
    colour: "Colour",
    colours: ["Red", "Blue", "Green", "Pink", "Yellow"],
    opacity: "Opacity",
    pressure: "Pen pressure sets the size",
    unsaved: (why: string) => `The mask is not kept yet: ${why}`,
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
    ramp: "Colours from dark violet, sure, to yellow, unsure",
    sure: "sure",
    unsure: "unsure",
    selecting: "Looking for the object here",
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
      "The arrows move a crosshair. Hold space to paint with the brush; press it to put a point of a lasso, a " +
      "corner of a box, or to select an object. Enter closes a lasso, Escape gives up. Plus and minus zoom.",
    helpView: "The arrows move the picture. Plus and minus zoom, 0 shows all of it, 1 its actual pixels.",
    keys: {
      view: "View",
      mask: "Mask",
      hand: "At the picture",
      compare: "Compare before and after in another way",
      peek: "Hold: the other of before and after",
      smaller: "Smaller brush",
      larger: "Larger brush",
      arrows: "Move the crosshair, or the picture",
      far: "Move farther",
      space: "Paint, put a point; with the mouse: hold to move the picture",
      enter: "Close a lasso or a box, select an object",
      back: "Take back the last point",
      escape: "Give up what is begun",
    },
  },

  // ------------------------------------------------------------------ panel (web/src/panel)
  panel: {},
};

function kindOf(ending: string): string {
  const kinds: Record<string, string> = {
    ...{ ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP" },
    ...{ ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".jxl": "JPEG XL", ".bmp": "BMP", ".gif": "GIF" },
  };
  return kinds[ending.toLowerCase()] ?? "";
}

export type Text = typeof text;
