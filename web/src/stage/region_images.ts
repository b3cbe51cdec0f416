/** Pictures of regions: white where they are, clear elsewhere, at the level that a zoom asks for. */

import { urls } from "../api/client";
import { clamp } from "./geometry";

const MOST = 64;
const COARSEST = 6;

export class RegionCache {
  private readonly kept = new Map<string, ImageBitmap | null>(); // null while it comes

  constructor(private readonly arrived: () => void) {}

  /** The picture of a region for a scale, or another level of it while that comes; null if there is none yet. */
  get(picture: string, region: string, scale: number): ImageBitmap | null {
    const level = clamp(Math.floor(Math.log2(1 / scale) + 1e-6), 0, COARSEST);
    const key = (k: number): string => `${picture}/${region}/${k}`;
    const found = this.kept.get(key(level));
    if (found) return found;
    if (found === undefined) void this.load(picture, region, level, key(level));
    for (let far = 1; far <= COARSEST; far++)
      for (const other of [level + far, level - far]) {
        const near = this.kept.get(key(other));
        if (near) return near;
      }
    return null;
  }

  private async load(picture: string, region: string, level: number, key: string): Promise<void> {
    this.kept.set(key, null);
    try {
      const response = await fetch(urls.region(picture, region, level), { credentials: "same-origin" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.kept.set(key, await createImageBitmap(await response.blob()));
    } catch {
      // Asked for again when it is drawn next, a little later.
      setTimeout(() => {
        this.kept.delete(key);
        this.arrived();
      }, 2000);
      return;
    }
    for (const old of this.kept.keys()) {
      if (this.kept.size <= MOST) break;
      if (old !== key && this.kept.get(old)) {
        this.kept.get(old)?.close();
        this.kept.delete(old);
      }
    }
    this.arrived();
  }
}
