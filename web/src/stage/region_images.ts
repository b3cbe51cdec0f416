/** Pictures of regions: white where they are, clear elsewhere, at the level that a zoom asks for. */

import { urls } from "../api/client";
import type { Region } from "../api/types";
import { clamp, type Rect } from "./geometry";

const MOST = 64;
const COARSEST = 6;

/** A picture of a region, reduced 2**level times. */
export interface RegionImage {
  readonly image: CanvasImageSource & { readonly width: number; readonly height: number };
  readonly level: number;
}

/** The picture of a region for a scale; null until it is there. */
export type RegionImages = (region: string, scale: number) => RegionImage | null;

/** Where the picture of a region lies, in the picture's pixels: its box, widened to pixels of its level. */
export function regionRect(region: Region, { image, level }: RegionImage): Rect {
  const by = 2 ** level;
  return {
    x: Math.floor(region.x / by) * by,
    y: Math.floor(region.y / by) * by,
    width: image.width * by,
    height: image.height * by,
  };
}

/** Draw a region on a canvas whose unit is the picture's pixel. */
export function drawRegion(
  ctx: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  region: Region | undefined,
  found: RegionImage | null,
): void {
  if (!region || !found) return;
  const to = regionRect(region, found);
  ctx.drawImage(found.image, to.x, to.y, to.width, to.height);
}

export class RegionCache {
  private readonly kept = new Map<string, { image: ImageBitmap; level: number } | null>(); // null while it comes

  constructor(private readonly arrived: () => void) {}

  /** The picture of a region for a scale, or another level of it while that comes; null if there is none yet. */
  get(picture: string, region: string, scale: number): RegionImage | null {
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
      this.kept.set(key, { image: await createImageBitmap(await response.blob()), level });
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
        this.kept.get(old)?.image.close();
        this.kept.delete(old);
      }
    }
    this.arrived();
  }
}
