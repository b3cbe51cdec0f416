import { signal } from "@preact/signals";
import type { Box } from "../api/types";
import { kept } from "./kept";

/** What the stage (web/src/stage) shows and the panel (web/src/panel) reads or sets. */

export type Tool = "pan" | "brush" | "eraser" | "lasso" | "box" | "magic";
export type Compare = "divider" | "side" | "blink" | "result" | "picture";

export const tool = kept<Tool>("tool", "brush");
/** The tool of the task that is told places, not a mask. */
export const placeTool = kept<Tool>("place-tool", "magic");
/** The radius of the brush in pixels of the picture. */
export const brushRadius = kept<number>("brush-radius", 24);
export const compare = kept<Compare>("compare", "divider");
export const overlayMap = signal(false);

/** The part of the picture in view, in its pixels, whole numbers within it. The stage writes it. */
export const inView = signal<Box | null>(null);
/** Pixels of the screen for one of the picture. The stage writes it. */
export const zoom = signal(1);
