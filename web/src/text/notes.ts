/** The notes of the command line, without what says nothing on the page. */

const METHOD = /(?:: |^)--method \S+ is used$/;

/** A note without the name of the picture in front of it, and without the method, which is told as a fact. */
export function shortNote(note: string, names: readonly string[]): string {
  const name = names.find((each) => note.startsWith(`${each}: `));
  return (name === undefined ? note : note.slice(name.length + 2)).replace(METHOD, "");
}

/** A sentence: an upper-case first letter, where it is not of the name of a file, and no full stop. */
export function sentence(line: string): string {
  const plain = line.trim().replace(/\.$/, "");
  if (/^\S+\.\w+:/.test(plain)) return plain;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
