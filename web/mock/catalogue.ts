import type { Group, Option, Task } from "../src/api/types";

function option(name: string, type: Option["type"], help: string, more: Partial<Option> = {}): Option {
  const flag = `--${name.replaceAll("_", "-")}`;
  return {
    ...{ name, flag, no_flag: null, type, default: null, minimum: null, maximum: null, choices: null },
    ...{ multiple: false, help, metavar: null, accepts: null, ...more },
  };
}

const seed = option("seed", "integer", "Seed of the random numbers; the same seed gives the same bytes.", {
  ...{ default: 0, minimum: 0, maximum: 4294967295, metavar: "N" },
});
const samples = option("samples", "integer", "The number of different results for each picture.", {
  ...{ default: 1, minimum: 1, maximum: 100, metavar: "N" },
});
const common: Group[] = [
  {
    heading: "Input and output",
    options: [
      option("format", "choice", "Format of results. Default: that of each picture.", {
        choices: ["png", "jpg", "tif", "webp"],
      }),
      option("depth", "choice", "Bits a channel of the result, 8 or 16.", { choices: ["8", "16"] }),
      option("provenance", "boolean", "Record in each result how it was made, for restore info.", {
        ...{ default: true, no_flag: "--no-provenance" },
      }),
    ],
  },
  {
    heading: "How well",
    options: [
      option("steps", "integer", "Steps of a sample.", { minimum: 1, maximum: 1000, metavar: "N" }),
      option("uncertainty", "boolean", "Also write a map of where results differ."),
    ],
  },
];

function task(
  name: string,
  title: string,
  summary: string,
  often: Option[],
  needs: Task["needs"] = null,
): Task {
  const examples = [`restore ${name} photo.jpg`];
  const groups = [{ heading: "Often used", options: [...often, seed] }, ...common];
  return { name, title, summary, help: summary, examples, needs, groups };
}

/** A small part of what the command line has. */
export const catalogue: Task[] = [
  task(
    "inpaint",
    "Fill",
    "Fill the masked part of a picture.",
    [
      samples,
      option("grow", "integer", "Pixels by which the mask grows.", { default: 0, minimum: 0, maximum: 100 }),
      option("feather", "integer", "Pixels over which the filling fades.", {
        default: 0,
        minimum: 0,
        maximum: 100,
      }),
    ],
    "mask",
  ),
  task("denoise", "Denoise", "Remove noise.", [
    option("sigma", "number", "Standard deviation of the noise, 0 to 255.", { minimum: 0, maximum: 255 }),
    option("strength", "number", "How much of the noise goes, 0 to 1.", {
      default: 1,
      minimum: 0,
      maximum: 1,
    }),
    option("page", "boolean", "A scan of print: even out the paper to white."),
    samples,
  ]),
  task("upscale", "Upscale", "Enlarge pictures.", [
    option("scale", "number", "Factor.", { default: 2, minimum: 1, maximum: 8 }),
  ]),
  task("dejpeg", "Clean JPEG", "Remove JPEG artefacts.", [
    option("quality", "integer", "Quality it was saved with.", { minimum: 1, maximum: 100 }),
  ]),
  task("repair", "Repair", "Find scratches, hairs, dust and folds, and fill them.", [
    option("sensitivity", "number", "How much is taken for damage, 0 to 1.", {
      default: 0.5,
      minimum: 0,
      maximum: 1,
    }),
  ]),
  task(
    "erase",
    "Erase",
    "Remove objects, by boxes and points instead of a mask.",
    [option("at", "text", "A point on the object, X,Y.", { multiple: true, metavar: "X,Y" })],
    "place",
  ),
  task("colorize", "Colorize", "Give gray pictures colours.", [
    option("saturation", "number", "How strong the colours are.", { default: 1, minimum: 0, maximum: 2 }),
  ]),
  task("deblur", "Deblur", "Sharpen pictures blurred by a known kernel.", [
    option("kernel", "file", "Picture of the kernel, or a list of numbers.", {
      accepts: "any",
      metavar: "FILE",
    }),
  ]),
  task("solve", "Solve", "Undo what was done to pictures.", [
    option("operator", "choice", "What was done.", { choices: ["blur", "gray", "mask", "resize"] }),
  ]),
  task("vary", "Vary", "Draw variations of pictures.", [samples]),
];
