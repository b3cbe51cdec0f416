/** Icons of 24 units, drawn in strokes of 1.5. */
const PATHS: Record<string, string> = {
  // Tasks
  inpaint:
    "M4 20c3.5.6 6-.6 6-3.2A2.8 2.8 0 0 0 7.2 14C4.6 14 5.6 18 4 20ZM9.5 14.3 18.3 4.9a1.9 1.9 0 0 1 2.8 2.6L12 16.7",
  denoise:
    "M12 3.5a8.5 8.5 0 1 0 0 17ZM15.5 6.5h.01M19 9.5h.01M15.5 11h.01M18.5 13.5h.01M15.5 16h.01M15.5 20h.01M18.5 17.5h.01M15.5 4.2h.01",
  upscale: "M4 14v6h6M4 20l6.5-6.5M20 10V4h-6M20 4l-6.5 6.5",
  dejpeg: "M4 4h7v7H4ZM13.5 4H20v7h-6.5M4 13.5V20h7v-6.5M14 20c3.5 0 6-2.5 6-6",
  repair: "M6.5 3.5 8.5 9l-2.5 4 3 7.5M13 12.5h8M17 8.5v8",
  erase:
    "M8.5 19.5 4 15a1.5 1.5 0 0 1 0-2.1L12.9 4a1.5 1.5 0 0 1 2.1 0l5 5a1.5 1.5 0 0 1 0 2.1l-8.5 8.4ZM8.5 8.5l7 7M8 19.5h12",
  colorize: "M12 3.5c3.5 4 5.5 7 5.5 10a5.5 5.5 0 0 1-11 0c0-3 2-6 5.5-10ZM9.5 14a2.5 2.5 0 0 0 2.5 2.5",
  deblur: "M12 3.5 20 18.5H4ZM12 3.5v15",
  solve: "M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h10M18 17h2M16 15v4",
  vary: "M4 8.5h10.5V19H4ZM7 5.5h10.5V16M10 2.8h10.2V13",
  other: "M12 4v3M12 17v3M4 12h3M17 12h3M6.5 6.5l2 2M15.5 15.5l2 2M17.5 6.5l-2 2M8.5 15.5l-2 2",
  // Page
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  folder:
    "M3.5 6.5v11a1.5 1.5 0 0 0 1.5 1.5h14a1.5 1.5 0 0 0 1.5-1.5v-8A1.5 1.5 0 0 0 19 8h-7L10 5H5a1.5 1.5 0 0 0-1.5 1.5Z",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  table: "M4 5h16v14H4ZM4 9.7h16M4 14.3h16M9.5 9.7V19",
  queue: "M4 6.5h16M4 12h12M4 17.5h8",
  sliders: "M4 8h8M17 8h3M14.5 5.5v5M4 16h3M12 16h8M9.5 13.5v5",
  keys: "M4 7h16v10H4ZM7 10.5h.01M10.3 10.5h.01M13.7 10.5h.01M17 10.5h.01M8 13.8h8",
  warning: "M12 4 21 19.5H3ZM12 10v4.5M12 17h.01",
  stop: "M7 7h10v10H7Z",
};

export function Icon({ name, size = 20 }: { name: string; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={(1.5 * 24) / Math.max(20, size + 2)}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name] ?? PATHS.other ?? ""} />
    </svg>
  );
}
