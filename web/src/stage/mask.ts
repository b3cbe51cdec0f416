/**
 * The mask of each picture: its strokes with undo and redo, kept on the server and in step with other tabs.
 *
 * The strokes themselves are in store/mask.ts, where the panel sets `grow` and `feather`; what is changed there
 * by others can be undone here, too.
 */

import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import { ApiError, api } from "../api/client";
import type { Region, Stroke, Strokes } from "../api/types";
import { wordsOf } from "../store/actions";
import { picture } from "../store/choice";
import { jobs, pictures } from "../store/data";
import { kept } from "../store/kept";
import { maskOf, masks, setMask } from "../store/mask";
import { onStrokes } from "../store/sync";
import { type Autosave, autosave } from "./autosave";
import { begun, changed, type History, redone, undone } from "./history";
import type { Regions } from "./stroke";

const regionsKept = kept<Record<string, Region[]>>("regions", {});

/** Regions known of a picture: those of this tab, of the server's answer, and of damage found by jobs. */
function regionsOf(id: string): Regions {
  const known = new Map<string, Region>();
  for (const job of jobs.value.values())
    if (job.picture === id && job.region) known.set(job.region.id, job.region);
  for (const region of regionsKept.value[id] ?? []) known.set(region.id, region);
  return known;
}

function keepRegions(id: string, some: readonly Region[]): void {
  if (!some.length) return;
  const before = (regionsKept.peek()[id] ?? []).filter((r) => !some.some((s) => s.id === r.id));
  regionsKept.value = { ...regionsKept.peek(), [id]: [...before, ...some] };
}

const sameStrokes = (a: Strokes, b: Strokes): boolean =>
  a.grow === b.grow && a.feather === b.feather && JSON.stringify(a.strokes) === JSON.stringify(b.strokes);

export class MaskModel {
  private readonly history: Signal<History<Stroke[]>>;
  private readonly autosave: Autosave;
  private readonly stop: () => void;
  private last: Strokes;
  private version = -1;
  private readonly quiet = { on: false };

  /** Whether the strokes kept on the server were loaded. */
  readonly ready = signal(false);
  /** Whether all that was painted is kept on the server. */
  readonly saved = signal(true);
  /** What went wrong in keeping them: a line for a person. */
  readonly problem = signal<string | null>(null);
  readonly strokes: ReadonlySignal<Stroke[]>;
  readonly canUndo: ReadonlySignal<boolean>;
  readonly canRedo: ReadonlySignal<boolean>;
  readonly regions: ReadonlySignal<Regions>;

  constructor(readonly id: string) {
    this.last = untracked(() => maskOf(id));
    this.history = signal(begun(this.last.strokes));
    this.strokes = computed(() => this.history.value.now);
    this.canUndo = computed(() => this.history.value.past.length > 0);
    this.canRedo = computed(() => this.history.value.future.length > 0);
    this.regions = computed(() => regionsOf(id));
    this.autosave = autosave(
      (leaving) => this.send(leaving),
      (waiting, error) => {
        this.saved.value = !waiting;
        this.problem.value = error ? wordsOf(error) : null;
      },
    );
    this.stop = effect(() => {
      const now = masks.value.get(id);
      if (now) untracked(() => this.follow(now));
    });
    void this.load();
  }

  /** Add strokes as one step of undo. */
  add(...strokes: Stroke[]): void {
    if (strokes.length) this.set(changed(this.history.peek(), [...this.history.peek().now, ...strokes]));
  }

  /** Add a region: of magic select, an uploaded mask, or found damage. */
  addRegion(region: Region, erase = false): void {
    keepRegions(this.id, [region]);
    this.add({ kind: "region", erase, region: region.id });
  }

  undo(): void {
    this.set(undone(this.history.peek()));
  }

  redo(): void {
    this.set(redone(this.history.peek()));
  }

  /** Remove all strokes, which can be undone. */
  clear(): void {
    if (this.history.peek().now.length) this.set(changed(this.history.peek(), []));
  }

  /** Keep what waits on the server now. */
  flush(leaving = false): Promise<void> {
    return this.autosave.flush(leaving);
  }

  /** Take what another tab kept, unless something newer waits here. */
  async other(version: number): Promise<void> {
    if (this.autosave.waiting || version <= this.version) return;
    await this.load();
  }

  close(): void {
    this.stop();
  }

  private set(next: History<Stroke[]>): void {
    if (next === this.history.peek()) return;
    this.history.value = next;
    setMask(this.id, { strokes: next.now });
  }

  private follow(now: Strokes): void {
    if (now === this.last) return;
    this.last = now;
    if (now.strokes !== this.history.peek().now)
      this.history.value = changed(this.history.peek(), now.strokes);
    if (!this.quiet.on) this.autosave.touch();
  }

  private async send(leaving: boolean): Promise<void> {
    try {
      const answer = (await (
        await api.keepStrokes(this.id, this.last, leaving)
      )
        .json()
        .catch(() => ({}))) as Partial<Strokes>;
      if (typeof answer.version === "number") this.version = Math.max(this.version, answer.version);
    } catch (error) {
      // The picture was removed, here or in another tab: there is nothing to keep.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  private async load(): Promise<void> {
    let found: Strokes;
    try {
      found = await api.strokes(this.id);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) setTimeout(() => void this.load(), 2000);
      return;
    }
    keepRegions(this.id, found.regions ?? []);
    this.version = Math.max(this.version, found.version ?? -1);
    const mine = maskOf(this.id);
    const first = !this.ready.peek();
    // Painted before the kept strokes were there: on top of them.
    const early = first && this.autosave.waiting;
    if (!early && this.autosave.waiting) return;
    const strokes = early ? [...found.strokes, ...mine.strokes] : found.strokes;
    const { grow, feather } = early && (mine.grow || mine.feather) ? mine : found;
    this.ready.value = true;
    if (sameStrokes({ strokes, grow, feather }, mine)) return;
    this.quiet.on = !early;
    if (first) this.history.value = begun(strokes);
    setMask(this.id, { strokes, grow, feather });
    this.quiet.on = false;
  }
}

const models = new Map<string, MaskModel>();

/** The mask of a picture; the first call loads it. */
export function modelOf(id: string): MaskModel {
  let model = models.get(id);
  if (!model) {
    model = untracked(() => new MaskModel(id));
    models.set(id, model);
  }
  return model;
}

/** The mask of the chosen picture. */
export const model: ReadonlySignal<MaskModel | null> = computed(() =>
  picture.value ? modelOf(picture.value.id) : null,
);

/** Keep in step with other tabs, and keep what waits when the page goes away. Returns how to stop. */
export function followMasks(): () => void {
  const flush = (): void => {
    for (const each of models.values()) void each.flush(true);
  };
  const hidden = (): void => {
    if (document.visibilityState === "hidden") flush();
  };
  const gone = effect(() => {
    const there = pictures.value;
    for (const [id, each] of models)
      if (!there.has(id)) {
        each.close();
        models.delete(id);
      }
  });
  const stop = onStrokes(({ picture: id, version }) => void models.get(id)?.other(version));
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    gone();
    stop();
    removeEventListener("pagehide", flush);
    document.removeEventListener("visibilitychange", hidden);
  };
}
