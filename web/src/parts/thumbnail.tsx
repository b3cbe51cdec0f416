import { useEffect, useState } from "preact/hooks";
import { urls } from "../api/client";
import { connection } from "../store/data";

interface ThumbnailProps {
  id: string;
  width: number;
  height: number;
}

/** After so many milliseconds a thumbnail is asked for again: the process that draws it may have been started anew. */
const AGAIN = [1000, 3000, 8000];

/**
 * A small picture. Where it cannot be loaded its place is kept, without the browser's broken icon, and it is
 * loaded once the server is back.
 */
export function Thumbnail({ id, width, height }: ThumbnailProps) {
  const [failed, setFailed] = useState(false);
  const [tries, setTries] = useState(0);
  const live = connection.value === "live";
  useEffect(() => {
    setTries(0);
    if (live) setFailed(false);
  }, [id, live]);
  useEffect(() => {
    const pause = AGAIN[tries];
    if (!failed || !live || pause === undefined) return;
    const timer = setTimeout(() => {
      setTries(tries + 1);
      setFailed(false);
    }, pause);
    return () => clearTimeout(timer);
  }, [failed, live, tries]);
  if (failed) return <span class="thumbnail" style={{ width: `${width}px`, height: `${height}px` }} />;
  return (
    <img
      class="thumbnail"
      src={urls.thumbnail(id)}
      alt=""
      width={width}
      height={height}
      loading="lazy"
      decoding="async"
      onError={() => setFailed(true)}
    />
  );
}
