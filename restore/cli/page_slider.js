// Lay the second figure of a pair over the first, and let a divider say how much of each is seen.
function slides(pair, title) {
  const range = document.createElement("input");
  Object.assign(range, {type: "range", min: 0, max: 100, value: 50});
  range.setAttribute("aria-label", `${title}: how much of the picture is shown as it was before, in per cent`);
  const divider = document.createElement("div");
  divider.className = "divider";
  const show = () => pair.style.setProperty("--at", `${range.value}%`);
  range.addEventListener("input", show);
  const move = event => {
    const box = pair.getBoundingClientRect();
    range.value = Math.round(100 * (event.clientX - box.left) / box.width);
    show();
  };
  pair.addEventListener("pointerdown", event => {
    if (event.button) return;
    pair.setPointerCapture(event.pointerId);
    range.focus({preventScroll: true});
    move(event);
    event.preventDefault();
  });
  pair.addEventListener("pointermove", event => pair.hasPointerCapture(event.pointerId) && move(event));
  pair.append(range, divider);
  pair.classList.add("slides");
  show();
  return range;
}
