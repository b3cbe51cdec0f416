/** Files out of what was dropped or pasted. */

const entries = (reader: FileSystemDirectoryReader) =>
  new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = (entry: FileSystemFileEntry) =>
  new Promise<File>((resolve, reject) => entry.file(resolve, reject));

async function within(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await fileOf(entry as FileSystemFileEntry)];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  // A reader gives the entries of a folder in parts, and an empty one at the end.
  for (let some = await entries(reader); some.length > 0; some = await entries(reader))
    for (const each of some) files.push(...(await within(each)));
  return files;
}

/** The files of a drop, those in folders included, and whether there was a folder. */
export async function dropped(data: DataTransfer): Promise<{ files: File[]; folder: boolean }> {
  // The entries must be taken at once: the list is empty after the event.
  const found = [...data.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry?.() : null));
  const loose = [...data.files];
  const some = found.filter((entry): entry is FileSystemEntry => Boolean(entry));
  if (!some.some((entry) => entry.isDirectory)) return { files: loose, folder: false };
  const files: File[] = [];
  for (const entry of some) files.push(...(await within(entry)));
  return { files, folder: true };
}

/** The pictures of the clipboard. Those without a name of their own are named after the time. */
export function pasted(data: DataTransfer, word: string): File[] {
  return [...data.files].map((file) => {
    if (!/^image\.\w+$/.test(file.name)) return file;
    const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "");
    return new File([file], `${word}-${time}.${file.name.split(".").pop()}`, { type: file.type });
  });
}
