/** Every text of the page, in English. Another language is another object of this type. */

const number = new Intl.NumberFormat("en");
const one = (count: number, single: string, many = `${single}s`) =>
  `${number.format(count)} ${count === 1 ? single : many}`;

export const text = {
  // ------------------------------------------------------------------ shell
  shell: {
    title: "restore",
    tasks: "Tasks",
  },
  errors: {
    status: (status: number) =>
      status === 0
        ? "The server is not reached."
        : `The server answered ${status} and did not say why. Try again.`,
  },
  counts: {
    pictures: (count: number) => one(count, "picture"),
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
      inpaint: "Paint over what is to be filled. All other pixels stay as they are.",
      upscale: "",
      colorize: "Colours are drawn for a gray picture: likely ones, not those that it had.",
      solve: "Undo a damage that you can name, in the order in which it happened.",
      vary: "Draw the picture again, near to it or far from it.",
    } as Record<string, string>,
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
      growHelp: "Widens the hole, where the mask leaves the rim of a scratch.",
      feather: "Feather",
      featherHelp: "Lets the fill pass into the picture around the hole.",
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
      empty: "Paint what is to be filled first.",
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
      auto: "After each change",
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
      quality: "Quality it was saved with",
      qualityHelp:
        "Only where the file is no JPEG any more, or was saved again. Otherwise its own tables tell.",
      fromFile: "From the file",
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
      onlyChanged: (count: number) => `Show the ${count} changed`,
      allOptions: "Show all",
      yes: "Yes",
      no: "No",
      byDefault: (on: boolean) => (on ? "Default: yes" : "Default: no"),
      standard: (value: string) => `${value} (default)`,
      rangeSentence: (range: string) => `${range.charAt(0).toUpperCase()}${range.slice(1)}.`,
      range: (low: number | null, high: number | null) =>
        low !== null && high !== null
          ? `${low} to ${high}`
          : low !== null
            ? `at least ${low}`
            : high !== null
              ? `at most ${high}`
              : "",
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
        `${one(specks, "speck")} and ${one(scratches, "scratch", "scratches")}`,
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

export type Text = typeof text;
