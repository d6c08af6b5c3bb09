/** Whether something takes so long that it is worth a word. */
import { useEffect, useState } from 'react';

const LONG_MS = 8_000;

/** `startedMs`: wall clock; undefined = nothing is going on. */
export function useIsLong(startedMs: number | undefined): boolean {
  const [longSince, setLongSince] = useState<number>();
  useEffect(() => {
    if (startedMs === undefined) return;
    const timer = setTimeout(() => setLongSince(startedMs), Math.max(0, startedMs + LONG_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [startedMs]);
  return startedMs !== undefined && longSince === startedMs;
}
