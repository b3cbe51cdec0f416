/** The notes of the command line, without what says nothing on the page. */

const METHOD = /(?:: |^)--method \S+ is used$/;

/** A line without the name of a file in front of it; that of its page stays. */
export function withoutName(line: string, names: readonly string[]): string {
  const name = names.find((each) => line.startsWith(`${each}: `) || line.startsWith(`${each}, page `));
  return name === undefined ? line : line.slice(name.length + 2);
}

/** An error beside the name that it begins with: the rest of it, in the words of the command line. */
export function besideName(line: string, name: string): string {
  const rest = withoutName(line, [name]);
  return rest === line ? line : rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** A note without the name of the picture in front of it, and without the method, which is told as a fact. */
export function shortNote(note: string, names: readonly string[]): string {
  return withoutName(note, names).replace(METHOD, "");
}

/** The error of a job without the name of its picture, which stands beside it. */
export function shortError(job: { error: string | null; picture_name: string }): string {
  return job.error === null ? "" : withoutName(job.error, [job.picture_name]);
}

/** A sentence: an upper-case first letter, where it is not of the name of a file, and no full stop. */
export function sentence(line: string): string {
  const plain = line.trim().replace(/\.$/, "");
  if (/^\S+\.\w+:/.test(plain)) return plain;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
