/** How much of a picture is masked, measured on a small drawing of the strokes. */

import type { Stroke } from "../api/types";
import type { Size } from "./geometry";
import { drawRegion, type RegionImages } from "./region_images";
import { isDot, isEmpty, pathOf, type Regions } from "./stroke";

const SIDE = 768;

/** Draw strokes in white on a small canvas: partly covered pixels are partly white. */
export function measureShare(
  picture: Size,
  strokes: readonly Stroke[],
  regions: Regions,
  images: RegionImages,
): number {
  if (isEmpty(strokes)) return 0;
  const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const ctx = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!ctx) return 0;
  ctx.setTransform(width / picture.width, 0, 0, height / picture.height, 0, 0);
  ctx.lineCap = ctx.lineJoin = "round";
  for (const stroke of strokes) {
    ctx.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
    if (stroke.kind === "region") drawRegion(ctx, regions.get(stroke.region), images(stroke.region, scale));
    else if (stroke.kind === "brush" && !isDot(stroke)) {
      ctx.lineWidth = 2 * stroke.radius;
      ctx.stroke(pathOf(stroke));
    } else ctx.fill(pathOf(stroke));
  }
  const { data } = ctx.getImageData(0, 0, width, height);
  let sum = 0;
  for (let i = 3; i < data.length; i += 4) sum += data[i] as number;
  return sum / 255 / (width * height);
}
