// Handing files to the browser.

/** The name of a file without its ending. */
export function stem(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/, "");
}

export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  saveAddress(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Save what an address gives; the server's own name for it counts where it tells one. */
export function saveAddress(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
