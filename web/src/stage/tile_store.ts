/** Tiles in memory: fetched in the order they are wanted, the least recently used dropped. */

import { keyOf, type Needed, type Tile, type Tiled } from "./tiles";

/** What is drawn: an ImageBitmap in the page, anything with a size in tests. */
export interface Drawable {
  readonly width: number;
  readonly height: number;
  close?(): void;
}

export interface Wanted {
  readonly source: Tiled;
  readonly tile: Tile;
  readonly finish: Finish | undefined;
}

/** Changes a tile before it is kept, as the colours of a map do. */
export type Finish = { readonly name: string; run(bitmap: ImageBitmap): Promise<ImageBitmap> };

export type Fetch<T extends Drawable> = (wanted: Wanted, signal: AbortSignal) => Promise<T>;

/** Thrown for tiles that will not be there later either. */
export class Gone extends Error {}

const BYTES = 4;
const AT_ONCE = 4; // of the six connections that a browser opens to one server
const RETRIES = 5;

interface Failure {
  tries: number;
  after: number;
}

export class TileStore<T extends Drawable> {
  private readonly kept = new Map<string, T>(); // in the order of use
  private readonly failed = new Map<string, Failure>();
  private readonly loading = new Map<string, AbortController>();
  private queue: [string, Wanted][] = [];
  private pinned = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  bytes = 0;

  constructor(
    private readonly fetch: Fetch<T>,
    private readonly arrived: () => void,
    private readonly most: number,
  ) {}

  get(source: Tiled, tile: Tile, finish?: Finish): T | undefined {
    const key = this.key(source, tile, finish);
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found);
    }
    return found;
  }

  /** Say what is needed from now on; what was asked for before and is not any more is not fetched. */
  want(needs: readonly { source: Tiled; needed: Needed; finish?: Finish | undefined }[]): void {
    const order = new Map<string, Wanted>();
    const pinned = new Set<string>();
    for (const kind of ["seen", "soon"] as const)
      for (const { source, needed, finish } of needs)
        for (const tile of needed[kind]) {
          const key = this.key(source, tile, finish);
          if (kind === "seen") pinned.add(key);
          if (!this.kept.has(key) && !order.has(key)) order.set(key, { source, tile, finish });
        }
    this.pinned = pinned;
    for (const [key, control] of this.loading) if (!order.has(key)) control.abort();
    this.queue = [...order].filter(([key]) => !this.loading.has(key));
    this.pump();
  }

  /** Try again what failed, as after a lost connection. */
  retry(): void {
    this.failed.clear();
    this.arrived();
  }

  close(): void {
    clearTimeout(this.timer);
    this.queue = [];
    for (const control of this.loading.values()) control.abort();
    for (const key of [...this.kept.keys()]) this.drop(key);
  }

  private key(source: Tiled, tile: Tile, finish?: Finish): string {
    const key = keyOf(source.id, tile);
    return finish ? `${key}/${finish.name}` : key;
  }

  private pump(): void {
    const now = Date.now();
    let next = Infinity;
    const left: [string, Wanted][] = [];
    for (const entry of this.queue) {
      const failure = this.failed.get(entry[0]);
      if (failure && failure.after > now) {
        if (failure.after < Infinity) left.push(entry);
        next = Math.min(next, failure.after);
      } else if (this.loading.size < AT_ONCE) void this.load(...entry);
      else left.push(entry);
    }
    this.queue = left;
    clearTimeout(this.timer);
    if (next < Infinity) this.timer = setTimeout(() => this.pump(), next - now);
  }

  private async load(key: string, wanted: Wanted): Promise<void> {
    const control = new AbortController();
    this.loading.set(key, control);
    try {
      const tile = await this.fetch(wanted, control.signal);
      if (control.signal.aborted) tile.close?.();
      else this.keep(key, tile);
    } catch (error) {
      if (!control.signal.aborted) this.fail(key, wanted, error);
    }
    this.loading.delete(key);
    this.pump();
  }

  private fail(key: string, wanted: Wanted, error: unknown): void {
    const tries = (this.failed.get(key)?.tries ?? 0) + 1;
    const never = error instanceof Gone || tries > RETRIES;
    this.failed.set(key, { tries, after: never ? Infinity : Date.now() + 250 * 2 ** tries });
    if (!never) this.queue.push([key, wanted]);
  }

  private keep(key: string, tile: T): void {
    this.failed.delete(key);
    this.kept.set(key, tile);
    this.bytes += tile.width * tile.height * BYTES;
    for (const old of this.kept.keys()) {
      if (this.bytes <= this.most) break;
      if (old !== key && !this.pinned.has(old)) this.drop(old);
    }
    this.arrived();
  }

  private drop(key: string): void {
    const tile = this.kept.get(key);
    if (!tile) return;
    this.kept.delete(key);
    this.bytes -= tile.width * tile.height * BYTES;
    tile.close?.();
  }
}
