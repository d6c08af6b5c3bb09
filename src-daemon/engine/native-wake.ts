/** When to read what the native engine has to tell: its descriptor says so, or, where it has none, a call that blocks (data-plane.md §4.4). */
import type { EngineHandle, EngineLibrary } from '../ffi/engine.ts';
import { watchReadable } from '../ffi/fd.ts';

/** The call holds a thread of the pool, and an engine that nobody stopped keeps the process alive for so long. */
const WAIT_MS = 1_000;

/** Calls `ready` when there are records, until the returned function is called. */
export function watchRecords(library: EngineLibrary, engine: EngineHandle, ready: () => void): () => void {
  const fd = library.wakeFd(engine);
  return fd >= 0 ? watchReadable(fd, ready) : waitAgainAndAgain(library, engine, ready);
}

function waitAgainAndAgain(library: EngineLibrary, engine: EngineHandle, ready: () => void): () => void {
  let isOver = false;
  void (async () => {
    while (!isOver) {
      const result = await library.wait(engine, WAIT_MS);
      // Below zero: the engine is gone.
      if (isOver || result < 0) return;
      if (result > 0) ready();
    }
  })();
  return () => {
    isOver = true;
  };
}
