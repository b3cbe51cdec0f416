import type { ComponentChildren } from "preact";

const paths = {
  upload: <path d="M10 12.5v-9M6.5 7 10 3.5 13.5 7M3.5 12.5v3a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-3" />,
  download: <path d="M10 3.5v9M6.5 9l3.5 3.5L13.5 9M3.5 12.5v3a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-3" />,
  dice: (
    <>
      <rect x="3.5" y="3.5" width="13" height="13" rx="2.5" />
      <path d="M7 7h.01M13 7h.01M10 10h.01M7 13h.01M13 13h.01" stroke-width="2" />
    </>
  ),
  reset: <path d="M4 4v4h4M4.5 8A6.5 6.5 0 1 1 3.7 12" />,
  chevron: <path d="m6 8 4 4 4-4" />,
  back: <path d="M12 4.5 6.5 10l5.5 5.5" />,
  search: (
    <>
      <circle cx="9" cy="9" r="5.5" />
      <path d="m13 13 3.5 3.5" />
    </>
  ),
  close: <path d="m5 5 10 10M15 5 5 15" />,
  copy: (
    <>
      <rect x="7.5" y="7.5" width="9" height="9" rx="1.5" />
      <path d="M12.5 7.5V5A1.5 1.5 0 0 0 11 3.5H5A1.5 1.5 0 0 0 3.5 5v6A1.5 1.5 0 0 0 5 12.5h2.5" />
    </>
  ),
  check: <path d="m4 10.5 4 4 8-9" />,
  next: <path d="M3.5 10h12M11 5.5l4.5 4.5-4.5 4.5" />,
  options: <path d="M3.5 6h7m4 0h2M3.5 14h2m4 0h7M12.5 4v4M7.5 12v4" />,
  minus: <path d="M5 10h10" />,
  plus: <path d="M5 10h10M10 5v10" />,
  eye: (
    <>
      <path d="M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5z" />
      <circle cx="10" cy="10" r="2" />
    </>
  ),
} satisfies Record<string, ComponentChildren>;

export type IconName = keyof typeof paths;

/** A drawing of 20 pixels a side in strokes of 1.5; what it means is told by the text of its button. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="p-svg"
      viewBox="0 0 20 20"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {paths[name]}
    </svg>
  );
}
