import { crc32, deflateSync, inflateSync } from "node:zlib";

/** An 8-bit picture of 1 to 4 channels. */
export interface Raster {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

const TYPES: Record<number, number> = { 1: 0, 2: 4, 3: 2, 4: 6 };

function chunk(name: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(name, 4, "latin1");
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

export function encodePng({ width, height, channels, data }: Raster): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, TYPES[channels] ?? 2, 0, 0, 0], 8);
  const row = width * channels;
  const lines = Buffer.alloc((row + 1) * height);
  for (let y = 0; y < height; y++) lines.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const magic = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    magic,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

function unfilter(lines: Buffer, row: number, height: number, step: number): Uint8Array {
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const kind = lines[y * (row + 1)] ?? 0;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const a = x >= step ? (out[at - step] ?? 0) : 0;
      const b = y > 0 ? (out[at - row] ?? 0) : 0;
      const c = x >= step && y > 0 ? (out[at - row - step] ?? 0) : 0;
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][kind] ?? 0;
      out[at] = (lines[y * (row + 1) + 1 + x] ?? 0) + guess;
    }
  }
  return out;
}

/** Decodes an 8-bit PNG without palette and interlace; null for any other file. */
export function decodePng(file: Buffer): Raster | null {
  if (file.length < 33 || file.readUInt32BE(0) !== 0x89504e47) return null;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const channels = { 0: 1, 4: 2, 2: 3, 6: 4 }[file[25] ?? -1];
  if (file[24] !== 8 || channels === undefined || file[28] !== 0) return null;
  const parts: Buffer[] = [];
  for (let at = 8; at + 8 < file.length; ) {
    const size = file.readUInt32BE(at);
    if (file.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(file.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  const lines = inflateSync(Buffer.concat(parts));
  return { width, height, channels, data: unfilter(lines, width * channels, height, channels) };
}

/** Reduces 2**level times by means of boxes. */
export function reduced(raster: Raster, level: number): Raster {
  if (level === 0) return raster;
  const { width, height, channels, data } = raster;
  const step = 2 ** level;
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
  const out = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < channels; c++) {
        let [sum, count] = [0, 0];
        for (let dy = y * step; dy < Math.min(height, (y + 1) * step); dy++)
          for (let dx = x * step; dx < Math.min(width, (x + 1) * step); dx++, count++)
            sum += data[(dy * width + dx) * channels + c] ?? 0;
        out[(y * w + x) * channels + c] = Math.round(sum / count);
      }
  return { width: w, height: h, channels, data: out };
}

export function cropped(raster: Raster, left: number, top: number, right: number, bottom: number): Raster {
  const { width, height, channels, data } = raster;
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [w, h] = [Math.min(width, right) - x, Math.min(height, bottom) - y];
  const out = new Uint8Array(Math.max(0, w * h * channels));
  for (let line = 0; line < h; line++) {
    const from = ((y + line) * width + x) * channels;
    out.set(data.subarray(from, from + w * channels), line * w * channels);
  }
  return { width: w, height: h, channels, data: out };
}
