/** A ring that fills: small progress that is named elsewhere. Without a share it turns. */
export function Ring({ share, size = 20 }: { share: number | null; size?: number }) {
  const radius = size / 2 - 1.5;
  const length = 2 * Math.PI * radius;
  const at = { cx: size / 2, cy: size / 2, r: radius, fill: "none", "stroke-width": 2 };
  return (
    <svg class={share === null ? "ring turning" : "ring"} width={size} height={size} aria-hidden="true">
      <circle {...at} class="ring-ground" />
      <circle
        {...at}
        class="ring-share"
        stroke-dasharray={`${length * (share ?? 0.25)} ${length}`}
        transform={`rotate(-90 ${size / 2} ${size / 2})`}
      />
    </svg>
  );
}

/** A bar that fills, with its name for screen readers. */
export function Bar({ share, label }: { share: number | null; label: string }) {
  const percent = share === null ? null : Math.round(share * 100);
  return (
    <div
      class={percent === null ? "bar unknown" : "bar"}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(percent === null ? {} : { "aria-valuenow": percent })}
    >
      <div style={{ transform: `scaleX(${share ?? 0.3})` }} />
    </div>
  );
}
