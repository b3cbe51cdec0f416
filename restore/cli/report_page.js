
"use strict";
<!--slider-js-->

const $ = selector => document.querySelector(selector);
const GAP = 14, HIGH = 150, CAPTION = 46, LINE = 57, SPARE = 600;  // pixels; SPARE: drawn beyond the window
const STATES = {done: "Restored", unchanged: "Left as they are", damaged: "Damaged", planned: "Planned", skipped: "Kept", failed: "Failed"};
const LEFT = "Left as it is";  // of one picture
const ORDERS = {
  number: ["as they came", r => r.n], name: ["name", r => r.name], level: ["found", r => r.level],
  method: ["method", r => r.method], seconds: ["seconds", r => r.seconds], size: ["size", r => r.w * r.h || undefined],
  status: ["state", r => Object.keys(STATES).indexOf(r.status)],
};
const COLUMNS = [["name", "Name"], ["level", "Found"], ["method", "Method"], ["seconds", "Seconds", 1], ["size", "Size", 1], ["status", "State"]];
const TRACKS = "132px minmax(8rem, 2.4fr) minmax(6rem, 2fr) minmax(4rem, 1fr) 4.5rem 7rem minmax(5rem, 1fr)";
const names = new Intl.Collator(undefined, {numeric: true});
const number = new Intl.NumberFormat("en-GB");

let rows = [], shown = [], boxes = [], height = 0;  // boxes: [x, y, w, h] of each row that is shown
let look = "sheet", order = "number", down = false, state = "", at = 0, open = -1, whole = false;
const runs = [], drawn = new Map();  // number of a box -> its element

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
const seconds = s => s === undefined ? "" : s < 9.95 ? `${s.toFixed(1)} s` : s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
const size = r => r.w ? `${r.w} × ${r.h}` : "";
const url = (row, end) => `${document.body.dataset.files}/${row.pic.slice(0, 2)}/${row.pic}${end}.jpg`;

function load() {
  const latest = new Map();  // by what is restored: a picture that was done again stands here once
  for (const block of document.querySelectorAll('script[type="application/json"]')) {
    let row;
    try { row = JSON.parse(block.textContent); } catch { continue; }  // the last line of a run that was killed
    block.remove();
    if (row.run) runs.push(row.run);
    else if (row.end) Object.assign(runs.at(-1) ?? {}, row.end);
    else {
      const key = `${row.name}\n${row.out ?? ""}`;
      const old = latest.get(key);
      if (row.status === "skipped" && old) continue;
      row.n = old?.n ?? latest.size;
      row.text = [row.name, row.method, row.found, row.error, row.damage].filter(Boolean).join("\n").toLowerCase();
      latest.set(key, row);
    }
  }
  rows = [...latest.values()];
}

function choose() {
  const words = $("input[type=search]").value.toLowerCase().split(/\s+/).filter(Boolean);
  const key = ORDERS[order][1], sign = down ? -1 : 1;
  shown = rows.filter(row => (!state || row.status === state) && words.every(word => row.text.includes(word)));
  if (order !== "number" || down) {
    shown = shown.map(row => [key(row), row]).sort(([a, r], [b, s]) => {
      const none = (a === undefined) - (b === undefined);  // what has no value stands last either way
      if (none || a === undefined) return none || r.n - s.n;
      return sign * (typeof a === "string" ? names.compare(a, b) : a - b) || r.n - s.n;
    }).map(([, row]) => row);
  }
  at = Math.min(at, Math.max(0, shown.length - 1));
  $(".none").hidden = shown.length > 0;
  $(".tell").textContent = `${number.format(shown.length)} of ${number.format(rows.length)} pictures`;
  layOut();
}

function layOut() {
  const width = $(".rows").clientWidth;
  $(".rows").classList.toggle("list", look === "list");
  $(".heads").hidden = look !== "list" || !shown.length;
  boxes = [];
  let y = 0;
  if (look === "list") {
    for (let i = 0; i < shown.length; i++, y += LINE) boxes.push([0, y, width, LINE]);
  } else {
    // Lines of pictures of one height, each as wide as the page.
    const high = Math.min(HIGH, width / 2.9);
    let line = [], sum = 0;
    const end = stretch => {
      const room = width - GAP * (line.length - 1);
      const h = stretch ? room / sum : Math.min(high, room / sum);
      let x = 0;
      for (const a of line) {
        boxes.push([x, y, a * h, h + CAPTION]);
        x += a * h + GAP;
      }
      y += h + CAPTION + GAP;
      line = [];
      sum = 0;
    };
    for (const row of shown) {
      const a = row.pic ? 2 * Math.min(2.4, Math.max(0.55, row.a)) : 2;
      line.push(a);
      sum += a;
      if (sum * high + GAP * (line.length - 1) >= width) end(true);
    }
    if (line.length) end(false);
  }
  height = y;
  $(".rows").style.height = `${height}px`;
  for (const element of drawn.values()) element.remove();
  drawn.clear();
  draw();
}

function first(y) {  // the first box that ends below y
  let low = 0, high = boxes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boxes[middle][1] + boxes[middle][3] < y) low = middle + 1; else high = middle;
  }
  return low;
}

function draw() {
  const top = -$(".rows").getBoundingClientRect().top;
  const from = first(top - SPARE), until = top + innerHeight + SPARE;
  let to = from;
  while (to < boxes.length && boxes[to][1] < until) to++;
  const focused = document.activeElement;
  for (const [i, element] of drawn) {
    if ((i < from || i >= to) && element !== focused) { element.remove(); drawn.delete(i); }
  }
  const fresh = document.createDocumentFragment();
  for (let i = from; i < to; i++) {
    if (drawn.has(i)) continue;
    const element = look === "list" ? line(shown[i], i) : card(shown[i], i);
    drawn.set(i, element);
    fresh.append(element);
  }
  $(".rows").append(fresh);
}

const stateOf = row => row.status === "unchanged" ? LEFT : STATES[row.status] ?? row.status;

function why(row) {  // what went wrong, without the name, which stands beside it
  const said = row.error || (row.damage ? `The file is damaged: ${row.damage}.` : "");
  return said.startsWith(`${row.name}: `) ? said.slice(row.name.length + 2) : said;
}

function named(row, tag) {  // the name of the file first: it is what is cut last
  const at = row.name.lastIndexOf("/") + 1, element = make("span", tag, row.name.slice(at));
  if (row.label && !row.name.endsWith(`, ${row.label}`)) element.append(`, ${row.label}`);  // the first of a document
  if (at) element.append(make("span", "place", row.name.slice(0, at - 1) || "/"));
  return element;
}

function box(row, i) {
  const element = make("button", "card");
  const [x, y, w, h] = boxes[i];
  element.type = "button";
  element.dataset.i = i;
  element.tabIndex = i === at ? 0 : -1;
  element.setAttribute("role", "listitem");
  element.setAttribute("aria-setsize", shown.length);
  element.setAttribute("aria-posinset", i + 1);
  element.setAttribute("aria-label", [row.name, STATES[row.status], row.found, row.method, seconds(row.seconds), row.error].filter(Boolean).join(", "));
  element.title = row.name;
  Object.assign(element.style, {left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px`});
  return element;
}

function thumb(row) {
  const element = make("span", row.pic ? "thumb" : "thumb empty");
  if (row.pic) {
    const img = new Image();
    Object.assign(img, {alt: "", decoding: "async", loading: "lazy", src: url(row, "")});
    element.classList.toggle("small", Math.max(row.w, row.h) < 100);
    element.append(img);
  }
  return element;
}

function card(row, i) {
  const element = box(row, i), picture = thumb(row);
  picture.style.height = `${boxes[i][3] - CAPTION}px`;
  if (!row.pic) picture.append(make("span", why(row) ? "said" : "said calm", why(row) || STATES[row.status]));
  element.append(picture, named(row, "name"), facts(row));
  return element;
}

function facts(row) {
  const element = make("span", "facts");
  const bad = row.status === "failed" ? "failed" : row.status === "damaged" || row.damage ? "damaged" : row.error ? "incomplete" : "";
  if (bad) element.append(make("b", "", bad));
  const rest = [row.status === "unchanged" ? "left as it is" : row.status === "skipped" ? "kept" : "", row.short ?? row.found, row.status !== "unchanged" && row.method, seconds(row.seconds)].filter(Boolean).join(" · ");
  if (rest) element.append((bad ? " · " : "") + rest);
  return element;
}

function line(row, i) {
  const element = box(row, i);
  element.style.gridTemplateColumns = TRACKS;
  const told = make("span", why(row) ? "cell wrong" : "cell", why(row) || (row.short ?? row.found));
  element.append(thumb(row), named(row, "cell named"), told, make("span", "cell", row.method ?? ""),
    make("span", "cell number", row.seconds === undefined ? "" : row.seconds.toFixed(1)), make("span", "cell number", size(row)));
  element.append(make("span", row.error || row.damage ? "cell wrong" : "cell", stateOf(row)));
  const below = why(row) ? make("span", "", why(row)) : facts(row);  // in place of the columns where there is no room
  below.className = why(row) ? "cell below wrong" : "cell below";
  element.append(below);
  return element;
}

function go(i) {  // put the focus on a row, which may have to be drawn first
  if (!shown.length) return;
  const old = drawn.get(at);
  if (old) old.tabIndex = -1;
  at = Math.max(0, Math.min(shown.length - 1, i));
  const [, y, , h] = boxes[at], top = $(".rows").getBoundingClientRect().top, bar = $(".bar").offsetHeight + 8;
  if (top + y < bar) scrollBy(0, top + y - bar);
  else if (top + y + h > innerHeight) scrollBy(0, top + y + h - innerHeight + 12);
  draw();
  const element = drawn.get(at);
  element.tabIndex = 0;
  element.focus({preventScroll: true});
}

function near(i, step) {  // the row above or below
  const [x, y, w] = boxes[i], middle = x + w / 2;
  let j = i;
  while (boxes[j] && boxes[j][1] === y) j += step;
  if (!boxes[j]) return i;
  const line = boxes[j][1];
  let best = j;
  for (; boxes[j] && boxes[j][1] === line; j += step) {
    const off = k => Math.abs(boxes[k][0] + boxes[k][2] / 2 - middle);
    if (off(j) < off(best)) best = j;
  }
  return best;
}

function covers(row) {  // whether the part is all of the picture
  return row.part[2] === row.h && row.part[3] === row.w;
}

function enlarged(row) {  // how many times a part of few pixels is enlarged, so that there is something to see
  const most = Math.max(row.part[2], row.part[3]);
  return most < 200 ? Math.max(1, Math.floor(400 / most)) : 1;
}

function half(row, when) {
  const figure = make("figure"), view = make("div", `half ${when}`);
  view.style.backgroundImage = `url("${url(row, "-part")}")`;
  view.classList.toggle("pixels", enlarged(row) > 1);
  view.setAttribute("role", "img");
  view.setAttribute("aria-label", when);
  figure.append(view, make("figcaption", "", when === "before" ? "Before" : "After"));
  return figure;
}

function full(row, pair) {
  pair.classList.add("whole");
  for (const [when, link] of [["Before", row.in], ["After", row.out]]) {
    const figure = make("figure"), img = new Image();
    Object.assign(img, {alt: when, src: link ?? "", draggable: false});
    img.onload = () => when === "After" && pair.style.setProperty("--width", img.naturalWidth);
    img.onerror = () => {
      pair.parentElement?.replaceChildren(make("p", "soft", "This browser cannot show the file itself; the links below open it."));
    };
    figure.append(img, make("figcaption", "", when));
    pair.append(figure);
  }
}

function view(i, focus) {
  open = i;
  const row = shown[i], stage = $(".stage"), pair = make("div", "pair");
  const can = row.pic && row.part, wholly = row.in && row.out && !row.label;
  $("#shown").textContent = row.name;
  $(".previous").disabled = i === 0;
  $(".next").disabled = i === shown.length - 1;
  $(".all").hidden = $(".part").hidden = !(can && wholly);
  const all = wholly && (whole || !can);
  $(".all").setAttribute("aria-pressed", String(all));
  $(".part").setAttribute("aria-pressed", String(!all));
  stage.replaceChildren();
  let range;
  if (can || all) {
    if (all) {
      full(row, pair);
    } else {
      const [, , h, w] = row.part, grown = enlarged(row);
      for (const [name, value] of [["--w", w], ["--h", h], ["--width", w * grown]]) pair.style.setProperty(name, value);
      pair.append(half(row, "before"), half(row, "after"));
    }
    stage.append(pair);
    range = slides(pair, row.name);
  }
  if (why(row)) stage.append(make("p", "bad", why(row)));
  if (!stage.firstChild) stage.append(make("p", "soft", row.status === "skipped" ? "It was restored by an earlier run and kept." : "There is no picture of it in this report."));
  details(row);
  if (!$("dialog").open) $("dialog").showModal();
  if (focus !== false) (range ?? $(".close")).focus({preventScroll: true});
}

function details(row) {
  const list = $(".details");
  list.replaceChildren();
  const tell = (name, value, wide) => {
    if (value === undefined || value === "") return;
    const entry = make("div", wide ? "wide" : ""), told = make("dd");
    told.append(value);
    entry.append(make("dt", "", name), told);
    list.append(entry);
  };
  const link = (href, text) => {
    if (!href) return text;
    const a = make("a", "", text);
    Object.assign(a, {href, target: "_blank", rel: "noopener"});
    return a;
  };
  tell("Shown", row.label);
  tell("Found", row.found, row.found?.length > 40);
  tell("Method", row.method);
  tell("Time", seconds(row.seconds));
  tell("Size", row.bw && (row.bw !== row.w || row.bh !== row.h) ? `${row.bw} × ${row.bh} to ${size(row)}` : size(row));
  tell("State", stateOf(row));
  if (row.part && !covers(row)) tell("Part shown", `${row.part[3]} × ${row.part[2]} pixels from ${row.part[1]}, ${row.part[0]}${enlarged(row) > 1 ? `, enlarged ${enlarged(row)} times` : ""}`);
  if (row.gain) tell("Shown brighter", `${row.gain} times`);
  tell("Before", link(row.in, row.name), true);
  if (row.output) tell("After", link(row.out, row.output), true);
}

function tellRuns() {
  const counts = {};
  for (const row of rows) counts[row.status] = (counts[row.status] ?? 0) + 1;
  const states = $(".states");
  const add = (value, text) => {
    const button = make("button", value ? `is-${value}` : "", text);
    button.type = "button";
    button.dataset.state = value;
    button.setAttribute("aria-pressed", String(value === state));
    states.append(button);
  };
  add("", `All ${number.format(rows.length)}`);
  for (const [value, name] of Object.entries(STATES)) if (counts[value]) add(value, `${name} ${number.format(counts[value])}`);
  const run = runs.at(-1);
  if (!run) return;
  const parts = [new Date(run.began).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"}), run.facts];
  if (run.seconds !== undefined) parts.push(`${run.interrupted ? "interrupted after" : "took"} ${seconds(run.seconds)}`);
  else parts.push("this run had not ended when the page was loaded; reload it to see more");
  if (runs.length > 1) parts.push(`run ${runs.length} of this report`);
  if (run.kept) parts.push(`${number.format(run.kept)} kept from earlier runs`);
  const command = make("p", "soft");
  command.append(make("code", "", run.command));
  $(".runs").append(command, make("p", "soft", parts.filter(Boolean).join(" · ")));
}

function start() {
  load();
  const select = $("#order");
  for (const [value, [text]] of Object.entries(ORDERS)) select.append(new Option(text, value));
  for (const [key, text, isNumber] of COLUMNS) {
    const cell = make("div"), button = make("button", isNumber ? "number" : "", text);
    button.type = "button";
    button.dataset.order = key;
    cell.append(button);
    $(".heads").append(cell);
  }
  $(".heads").prepend(make("span"));
  $(".heads").style.gridTemplateColumns = TRACKS;
  tellRuns();
  $(".bar").hidden = $("main").hidden = false;
  const reorder = (key, turn) => {
    order = key;
    down = turn;
    select.value = key;
    $(".turn").textContent = down ? "↑" : "↓";
    for (const button of document.querySelectorAll(".heads button")) {
      if (button.dataset.order === key) button.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
      else button.parentElement.removeAttribute("aria-sort");
    }
    choose();
  };
  select.addEventListener("change", () => reorder(select.value, false));
  $(".turn").addEventListener("click", () => reorder(order, !down));
  $(".heads").addEventListener("click", event => {
    const key = event.target.dataset.order;
    if (key) reorder(key, key === order && !down);
  });
  const press = (group, chosen) => {
    for (const button of group.children) button.setAttribute("aria-pressed", String(button === chosen));
  };
  $(".states").addEventListener("click", event => {
    if (event.target.dataset.state === undefined) return;
    state = event.target.dataset.state;
    press($(".states"), event.target);
    choose();
  });
  $(".looks").addEventListener("click", event => {
    if (!event.target.dataset.look) return;
    look = event.target.dataset.look;
    press($(".looks"), event.target);
    layOut();
  });
  let later;
  $("input[type=search]").addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(choose, 80);
  });
  let asked = false;
  const redraw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
  addEventListener("scroll", redraw, {passive: true});
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; layOut(); } else redraw();
  });
  $(".rows").addEventListener("click", event => {
    const element = event.target.closest(".card");
    if (element) { go(Number(element.dataset.i)); view(at); }
  });
  $(".rows").addEventListener("focusin", event => { at = Number(event.target.dataset.i); });
  $(".rows").addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: shown.length - 1}[event.key];
    const rest = {ArrowUp: () => near(at, -1), ArrowDown: () => near(at, 1)}[event.key];
    if (step === undefined && !rest) return;
    event.preventDefault();
    go(rest ? rest() : step);
  });
  addEventListener("keydown", event => {
    if (event.key === "/" && !$("dialog").open && event.target.tagName !== "INPUT") {
      event.preventDefault();
      $("input[type=search]").focus();
    }
  });
  const dialog = $("dialog");
  const move = i => { if (i >= 0 && i < shown.length) view(i); };
  $(".previous").addEventListener("click", () => move(open - 1));
  $(".next").addEventListener("click", () => move(open + 1));
  $(".part").addEventListener("click", () => { whole = false; view(open); });
  $(".all").addEventListener("click", () => { whole = true; view(open); });
  $(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { $(".stage").replaceChildren(); go(open); });
  dialog.addEventListener("keydown", event => {
    // The arrows up and down move the divider; those to the sides the pictures.
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(open + step);
  });
  choose();
  document.documentElement.dataset.ready = "1";
}
addEventListener("DOMContentLoaded", start);
