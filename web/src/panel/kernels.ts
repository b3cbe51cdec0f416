// The kernels of `restore deblur`: gaussian:SIGMA, motion:LENGTH:ANGLE, disc:RADIUS, or a file.

export type Kernel =
  | { kind: "gaussian"; sigma: number }
  | { kind: "motion"; length: number; angle: number }
  | { kind: "disc"; radius: number }
  | { kind: "file"; id: string };

export const FIRST: Record<Kernel["kind"], Kernel> = {
  gaussian: { kind: "gaussian", sigma: 1.5 },
  motion: { kind: "motion", length: 9, angle: 0 },
  disc: { kind: "disc", radius: 3 },
  file: { kind: "file", id: "" },
};

/** Write a kernel as the option has it. */
export function kernelText(kernel: Kernel): string {
  if (kernel.kind === "gaussian") return `gaussian:${kernel.sigma}`;
  if (kernel.kind === "motion") return `motion:${kernel.length}:${kernel.angle}`;
  if (kernel.kind === "disc") return `disc:${kernel.radius}`;
  return kernel.id;
}

/** Read a kernel from the option; what is none of the shapes is a file. */
export function readKernel(value: unknown): Kernel | null {
  if (typeof value !== "string" || value === "") return null;
  const [kind, ...rest] = value.split(":");
  const [one, other] = rest.map(Number);
  if (kind === "gaussian" && rest.length === 1 && Number.isFinite(one)) return { kind, sigma: one as number };
  if (kind === "disc" && rest.length === 1 && Number.isFinite(one)) return { kind, radius: one as number };
  if (kind === "motion" && rest.length >= 1 && rest.length <= 2 && Number.isFinite(one)) {
    return { kind, length: one as number, angle: Number.isFinite(other) ? (other as number) : 0 };
  }
  return rest.length === 0 ? { kind: "file", id: value } : null;
}
