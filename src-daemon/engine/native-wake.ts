/** When to read what the native engine has to tell: its descriptor says so, or, where it has none, a call that blocks (data-plane.md §4.4). */
import { toRhumbError } from '#shared/errors.ts';
import type { EngineHandle, EngineLibrary } from '../ffi/engine.ts';
import { watchReadable } from '../ffi/fd.ts';

/** The call holds a thread of the pool, and an engine that nobody stopped keeps the process alive for so long. */
const WAIT_MS = 1_000;

export interface Wake {
  /** There are records. */
  readonly ready: () => void;
  /** Nobody will say so any more. */
  readonly lost: (why: string) => void;
}

type Waking = Pick<EngineLibrary, 'wakeFd' | 'wait'>;

/** Wakes until the returned function is called. */
export function watchRecords(library: Waking, engine: EngineHandle, wake: Wake): () => void {
  const fd = library.wakeFd(engine);
  return fd >= 0 ? watchReadable(fd, wake.ready) : waitAgainAndAgain(library, engine, wake);
}

function waitAgainAndAgain(library: Waking, engine: EngineHandle, wake: Wake): () => void {
  let isOver = false;
  const end = (why: string): void => {
    if (isOver) return;
    isOver = true;
    wake.lost(why);
  };
  const wait = (): void => {
    library.wait(engine, WAIT_MS).then(
      (result) => {
        if (result < 0) end(`the call that waits says ${result}`);
        if (isOver) return;
        if (result > 0) wake.ready();
        wait();
      },
      (error: unknown) => end(toRhumbError(error).message),
    );
  };
  wait();
  return () => {
    isOver = true;
  };
}
