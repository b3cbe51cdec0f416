import { session } from "../store/data";
import { dropped, pasted } from "../store/dropped";
import { tell } from "../store/notices";
import { dragging } from "../store/shell";
import { isSending, open } from "../store/uploads";
import { text } from "../text/en";

/** Asks for files, or for a folder, as the browser does. Must be called from a click or a key. */
export function chooseFiles(folder: boolean): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.className = "hidden";
  input.id = folder ? "choose-folder" : "choose-files";
  input.setAttribute("aria-label", folder ? text.empty.folder : text.empty.files);
  if (folder) input.webkitdirectory = true;
  else input.accept = (session.value?.extensions ?? []).join(",");
  input.addEventListener("change", () => {
    open([...(input.files ?? [])], folder);
    input.remove();
  });
  input.addEventListener("cancel", () => input.remove());
  // In the document, so that scripts that drive the page find it, too.
  document.body.append(input);
  input.click();
}

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

/** Lets pictures be dropped anywhere on the page, and pasted. */
export function takeFiles(): () => void {
  let depth = 0;
  const leave = () => {
    depth = 0;
    dragging.value = false;
  };
  const handlers = {
    beforeunload: (event: BeforeUnloadEvent) => isSending.value && event.preventDefault(),
    dragenter: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth++;
      dragging.value = true;
    },
    dragover: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    },
    dragleave: (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) leave();
    },
    drop: (event: DragEvent) => {
      if (!hasFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      leave();
      dropped(event.dataTransfer).then(
        ({ files, folder }) => open(files, folder),
        (error: unknown) => tell(String(error), "bad"),
      );
    },
    paste: (event: ClipboardEvent) => {
      if (
        !event.clipboardData ||
        (event.target instanceof Element && event.target.closest("input, textarea"))
      )
        return;
      const files = pasted(event.clipboardData, text.uploads.pasted);
      if (files.length) open(files);
      else tell(text.uploads.noPaste, "bad");
    },
  };
  const entries = Object.entries(handlers) as [keyof WindowEventMap, EventListener][];
  for (const [name, handler] of entries) addEventListener(name, handler);
  return () => {
    for (const [name, handler] of entries) removeEventListener(name, handler);
  };
}
