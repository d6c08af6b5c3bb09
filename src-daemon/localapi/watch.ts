/** `watch-ipn-bus`: an endless stream of Notify objects, one per line (localapi-and-daemon.md §2.7). */
import type { ServerResponse } from 'node:http';
import { parseWatchMask } from '#shared/localapi/notify.ts';
import type { Call } from './call.ts';
import { sendText } from './reply.ts';

/** Waits for an event of the reply, or until the signal aborts. */
function until(event: 'drain' | 'finish', response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off(event, done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once(event, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

export async function watchBus({
  backend,
  actor,
  query,
  request,
  response,
  signal,
  lines,
}: Call): Promise<void> {
  const mask = parseWatchMask(query.get('mask') ?? undefined);
  if (typeof mask === 'string') {
    sendText(response, mask, 400);
    return;
  }
  const watcher = backend.watch(mask, { uid: actor.uid });
  const over = AbortSignal.any([signal, watcher.overdue]);
  try {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    // With mask 0 nothing may come for hours, and the client waits for the header.
    response.flushHeaders();
    for (;;) {
      const message = await watcher.next(over);
      if (message === undefined) break;
      // As one chunk: some clients take each for a message.
      response.cork();
      for (const piece of lines.line(message)) response.write(piece);
      response.uncork();
      if (response.writableNeedDrain) await until('drain', response, over);
    }
    response.end();
    if (!response.writableFinished) await until('finish', response, over);
  } catch (error) {
    if (!over.aborted) throw error;
  } finally {
    backend.bus.remove(watcher);
    // Who doesn't read doesn't take an end either, and would keep what is queued for it in our memory.
    if (watcher.overdue.aborted) request.socket.destroy();
  }
}
