import { useRef } from "preact/hooks";
import { type Height, sheetHeight as height } from "../store/shell";
import { text } from "../text/en";

const HEIGHTS: Height[] = ["low", "half", "high"];
const DRAGGED = 24;

/** The height that is one step higher or lower. */
export function stepped(now: Height, by: number): Height {
  const at = Math.max(0, Math.min(HEIGHTS.length - 1, HEIGHTS.indexOf(now) + by));
  return HEIGHTS[at] ?? now;
}

/** The handle of the sheet: a tap shows or hides it, a drag or the arrow keys make it higher or lower. */
export function Handle() {
  const from = useRef<number | null>(null);
  const dragged = useRef(false);
  const open = height.value !== "low";

  function move(event: PointerEvent): void {
    if (from.current === null) return;
    const way = from.current - event.clientY;
    if (Math.abs(way) < DRAGGED) return;
    from.current = event.clientY;
    dragged.current = true;
    height.value = stepped(height.value, Math.sign(way));
  }

  function key(event: KeyboardEvent): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    height.value = stepped(height.value, event.key === "ArrowUp" ? 1 : -1);
  }

  return (
    <button
      type="button"
      class="p-handle"
      aria-expanded={open}
      aria-label={open ? text.panel.sheet.close : text.panel.sheet.open}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = event.clientY;
        dragged.current = false;
      }}
      onPointerMove={move}
      onPointerUp={() => {
        from.current = null;
      }}
      onKeyDown={key}
      onClick={() => {
        if (!dragged.current) height.value = open ? "low" : "half";
        dragged.current = false;
      }}
    />
  );
}
