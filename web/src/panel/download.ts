// Handing files to the browser.

/** The name of a file without its ending. */
export function stem(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/, "");
}

export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
