const AIR = 14;

/** Scrolls a list, and nothing around it, so that one of its elements is in sight. */
export function reveal(list: HTMLElement | null, selector: string): void {
  const element = list?.querySelector(selector);
  if (!list || !element) return;
  const [frame, at] = [list.getBoundingClientRect(), element.getBoundingClientRect()];
  if (at.left < frame.left + AIR) list.scrollLeft += at.left - frame.left - AIR;
  else if (at.right > frame.right - AIR) list.scrollLeft += at.right - frame.right + AIR;
  if (at.top < frame.top) list.scrollTop += at.top - frame.top - AIR;
  else if (at.bottom > frame.bottom) list.scrollTop += at.bottom - frame.bottom + AIR;
}
