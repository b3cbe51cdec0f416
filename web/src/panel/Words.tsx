/** A text whose flags, such as --quality, are not broken at the end of a line. */
export function Words({ of }: { of: string }) {
  const parts = of.split(/(--[\w-]+)/);
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 1 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text stay in their places
          <span key={index} class="p-flag">
            {part}
          </span>
        ) : (
          part
        ),
      )}
    </>
  );
}
