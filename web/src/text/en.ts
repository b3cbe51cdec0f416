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
  panel: {},
};

export type Text = typeof text;
