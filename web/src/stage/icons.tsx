/** Icons of the stage: 24 units, strokes of 1.5. */

const PATHS = {
  pan: "M8 12.5V6.4a1.4 1.4 0 0 1 2.8 0V11M10.8 10.500V4.900a1.4 1.4 0 0 1 2.8 0V11M13.6 11V6a1.4 1.4 0 0 1 2.8 0v6M16.4 9.200a1.4 1.4 0 0 1 2.8 0V14a6.5 6.5 0 0 1-6.5 6.500c-3 0-4.2-1.2-5.6-3.600L4.7 13.600a1.4 1.4 0 0 1 2.4-1.400L8 13.5",
  brush:
    "M4 20c3.5.6 6-.6 6-3.2A2.8 2.8 0 0 0 7.2 14C4.6 14 5.6 18 4 20ZM9.5 14.3 18.3 4.900a1.9 1.9 0 0 1 2.8 2.600L12 16.7",
  eraser:
    "M8.5 19.5 4 15a1.5 1.5 0 0 1 0-2.100L12.9 4a1.5 1.5 0 0 1 2.1 0l5 5a1.5 1.5 0 0 1 0 2.100l-8.5 8.400ZM8.5 8.500l7 7M8 19.500h12",
  lasso:
    "M7.5 15.600C5.1 14.6 3.5 12.9 3.5 10.800c0-3.5 3.8-6.3 8.5-6.300s8.5 2.8 8.5 6.3-3.8 6.3-8.5 6.300c-.8 0-1.6-.1-2.3-.2M9.7 16.500a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM7.2 18.400c.2 1 .1 1.7-.7 2.6",
  box: "M4 8V5.500A1.5 1.5 0 0 1 5.5 4H8M16 4h2.500A1.5 1.5 0 0 1 20 5.500V8M20 16v2.500a1.5 1.5 0 0 1-1.5 1.500H16M8 20H5.500A1.5 1.5 0 0 1 4 18.500V16M11 4h2M11 20h2M4 11v2M20 11v2",
  magic: "M4 20 14.5 9.500M12.5 7.500l4 4M17 3v4M15 5h4M20 11v3M18.5 12.500h3M9 4v3M7.5 5.500h3",
  undo: "M8.5 5 4.5 9l4 4M4.5 9H14a5.5 5.5 0 0 1 0 11h-4",
  redo: "M15.5 5l4 4-4 4M19.5 9H10a5.5 5.5 0 0 0 0 11h4",
  clear: "M5 7h14M10 7V4.500h4V7M7 7l.8 12.500h8.400L17 7",
  divider: "M4 5h16v14H4ZM12 3v18M9.5 10 7.5 12l2 2M14.5 10l2 2-2 2",
  side: "M3.5 6h7.500v12H3.500ZM13 6h7.500v12H13Z",
  blink: "M4 4h11v11H4ZM15 9h5v11H9v-5",
  grip: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  map: "M4 5h16v14H4ZM4 14c3-1 4-5 7-5s4 4 9 3M4 17.500c4-.5 5-4 8-4s4 3 8 3",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9Z",
} as const;

export type IconName = keyof typeof PATHS;

export function StageIcon({ name }: { name: IconName }) {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
