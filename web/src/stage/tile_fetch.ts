/** Tiles from the server, decoded beside the page's own work. */

import { urls } from "../api/client";
import { type Fetch, Gone, TileStore } from "./tile_store";

const MIB = 2 ** 20;

/** Bytes of decoded tiles to keep: less where the browser says that the machine has little memory. */
function room(): number {
  const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? 8;
  return (memory <= 2 ? 96 : memory <= 4 ? 192 : 384) * MIB;
}

const fetchTile: Fetch<ImageBitmap> = async ({ source, tile, finish }, signal) => {
  const response = await fetch(urls.tile(source.id, tile.level, tile.column, tile.row), {
    credentials: "same-origin",
    signal,
  });
  if (response.status === 404 || response.status === 410) throw new Gone();
  if (!response.ok) throw new Error(`status ${response.status}`);
  const bitmap = await createImageBitmap(await response.blob());
  return finish ? finish.run(bitmap) : bitmap;
};

export const makeStore = (arrived: () => void): TileStore<ImageBitmap> =>
  new TileStore(fetchTile, arrived, room());
