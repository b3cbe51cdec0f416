// What is known of a job, in plain words.
import type { Job, Picture } from "../api/types";
import { text } from "../text/en";
import { sentence, shortNote } from "../text/notes";

export interface Fact {
  name: string;
  value: string;
}

const t = text.panel.facts;

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function words(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

/** A number with few digits: 12, 3.4, 0.29. */
export function short(value: number): string {
  if (value === 0) return "0";
  const digits = Math.abs(value) >= 10 ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

export function percent(share: number): string {
  return `${short(share * 100)} %`;
}

export function duration(seconds: number): string {
  if (seconds < 10) return t.seconds(short(seconds));
  if (seconds < 100) return t.seconds(String(Math.round(seconds)));
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? t.minutes(minutes) : t.hours(short(seconds / 3600));
}

/** The notes of a job as sentences, each once. */
export function plainNotes(job: Job): string[] {
  const names = [job.picture_name, ...job.results.map((result) => result.name)];
  return [...new Set(job.notes.map((note) => sentence(shortNote(note, names))))].filter(Boolean);
}

const DAMAGED = "damaged: ";
/** The option that has damaged files restored as far as they can be read. */
export const ALLOWS_DAMAGED = "allow_damaged";
export const isDamaged = ({ notes }: Picture): boolean => notes.some((note) => note.startsWith(DAMAGED));
const PAGES = /^the file holds \d+ pictures; only the first is /;

/** What is to be known of a picture before it is restored, the worst first; `bad` says that it is damaged. */
export function pictureNotes(of: Picture): { line: string; bad: boolean }[] {
  const lines = of.notes.map((note) => {
    // The page shows one of them; the commands restore as many as they do in a shell.
    if (PAGES.test(note)) return { line: text.panel.pages(of.pages), bad: false };
    const bad = note.startsWith(DAMAGED);
    return { line: sentence(shortNote(bad ? note.slice(DAMAGED.length) : note, [of.name])), bad };
  });
  return [...lines.filter(({ bad }) => bad), ...lines.filter(({ bad }) => !bad)];
}

/** The seed of one of several samples, which have consecutive ones. */
export function seedOf(job: Job, index: number): number | null {
  const told = job.results[index]?.seed ?? null;
  if (told !== null || job.results.length < 2 || index < 0) return told;
  return (number(job.options.seed) ?? 0) + index;
}

/** The scale of floats, which stands among the notes of their picture. */
const JUDGED = /^Values were taken to be from /;

/** Notes that say what the facts say, or what is said of every run. */
const SAID = [JUDGED, /^Of the hole, /, /\(of \d+ pictures?\)$/, /^\d+ specks? |^\d+ scratch/];

const MEASURED = /^Noise sigma measured at ([\d.]+) \(of 255\)$/;
const QUALITY = /^JPEG of quality (\d+)$/;

/** Whether a note says a number that stands among the facts, and nothing more. */
function isFact(note: string, { facts }: Job): boolean {
  const [sigma, quality] = [number(facts.sigma_255), number(facts.quality)];
  const [measured, read] = [MEASURED.exec(note)?.[1], QUALITY.exec(note)?.[1]];
  // What was measured is rounded, and need not be what was used.
  if (measured !== undefined && sigma !== null) return Math.abs(Number(measured) - sigma) < 0.06;
  return read !== undefined && Number(read) === quality;
}

/** The notes of a job that tell more than its facts. */
export function freshNotes(job: Job): string[] {
  const doubts = Array.isArray(job.facts.doubts)
    ? job.facts.doubts.map((doubt) => sentence(shortNote(String(doubt), [])))
    : [];
  const notes = plainNotes(job).filter(
    (note) => !SAID.some((words) => words.test(note)) && !isFact(note, job) && !doubts.includes(note),
  );
  return withoutNoise(notes, words(job.facts.noise));
}

function counted(job: Job): string | null {
  const specks = number(job.facts.specks_count);
  const scratches = number(job.facts.scratches_count);
  if (specks === null && scratches === null) return null;
  const share = number(job.facts.filled_share) ?? number(job.facts.hole_share);
  const found = t.damage(specks ?? 0, scratches ?? 0);
  return share === null || share === 0 ? found : `${found}, ${t.ofPicture(percent(share))}`;
}

function copies(job: Job): string | null {
  const copied = number(job.facts.copied_parts);
  const drawn = number(job.facts.drawn_parts);
  return copied === null && drawn === null ? null : t.parts(drawn ?? 0, copied ?? 0);
}

function lists(value: unknown): string | null {
  return Array.isArray(value) && value.length > 0 ? value.map(String).join("; ") : null;
}

/** The noise in few words: "noise sigma 4.9 of 255, shared by ..." is "Sigma 4.9 of 255". */
function inShort(noise: string): string {
  return sentence((noise.split(/[,;:]/)[0] ?? noise).replace(/^noise (?=\S)/i, ""));
}

/** The facts of a job in the order in which they matter. Those that nobody asks for are left out. */
export function factsOf(job: Job): Fact[] {
  const facts = job.facts;
  const noise = words(facts.noise);
  const sigma = number(facts.sigma_255);
  const quality = number(facts.quality);
  const hole = number(facts.hole_share);
  const deviation = number(facts.deviation_255);
  const removed = number(facts.removed_255);
  const width = number(facts.width_pixels);
  const height = number(facts.height_pixels);
  const damage = counted(job);
  // The noise that `vary` adds is told by a note, with the strength that it comes from.
  const told = noise?.includes("sigma") || number(facts.strength) !== null;
  const rows: [string, string | null][] = [
    [t.noise, noise === null ? null : inShort(noise)],
    [t.level, sigma === null || told ? null : t.of255(short(sigma))],
    [t.method, words(facts.method)],
    [t.specks, words(facts.specks)],
    [t.stripes, lists(facts.stripes)],
    [t.quality, quality === null ? null : String(quality)],
    [t.found, damage],
    [t.filled, hole === null || damage !== null ? null : t.ofPicture(percent(hole))],
    [t.how, copies(job)],
    [t.removed, removed === null ? null : t.of255(short(removed))],
    [t.uncertain, deviation === null ? null : t.of255(short(deviation))],
    [t.doubts, lists(facts.doubts)],
    [t.damaged, words(facts.damage)],
    [t.size, width === null || height === null || job.kind !== "restore" ? null : t.pixels(width, height)],
    [t.took, job.seconds === null ? null : duration(job.seconds)],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

/** Notes without the noise that was measured, where it is told already: "sigma 7: removed by ..." is "Removed by ...". */
function withoutNoise(notes: string[], noise: string | null): string[] {
  if (noise === null) return notes;
  const said = sentence(noise);
  return notes
    .filter((note) => note !== said)
    .map((note) => (note.startsWith(`${said}: `) ? sentence(note.slice(said.length + 2)) : note));
}

/** The pages of a file that a job has restored, as they were asked for; empty where these are all. */
function pagesOf(job: Job): string {
  const asked = job.options.pages;
  return typeof asked === "string" || typeof asked === "number" ? String(asked).trim() : "";
}

/** What there is to say of a result of which the first page is shown, while others were restored. */
export function pagesNote(job: Job): string {
  const asked = pagesOf(job);
  const first = asked.split(",").some((range) => /^\s*(1\s*(-.*)?|-.*)$/.test(range));
  return asked === "" || first ? "" : t.otherPages(asked.replace(/\s+/g, ""));
}

/** What a look has found, in one or two sentences, for the head of a panel. */
export function lookWords(job: Job): string[] {
  const damage = counted(job);
  if (damage !== null) return [sentence(damage)];
  const notes = plainNotes(job).filter((note) => !JUDGED.test(note));
  const noise = words(job.facts.noise);
  if (noise !== null) return [sentence(noise), ...withoutNoise(notes, noise)];
  if (notes.length > 0) return notes;
  if (job.region?.words) return [sentence(job.region.words)];
  return factsOf({ ...job, seconds: null }).map((fact) => `${fact.name}: ${fact.value}`);
}
