/** `watch-ipn-bus`: an endless stream of Notify objects, one per line (localapi-and-daemon.md §2.7). */
import type { ServerResponse } from 'node:http';
import { encodeNotify, type Notify, parseWatchMask } from '#shared/localapi/notify.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { Call } from './call.ts';
import { sendText } from './reply.ts';

/** Waits until the socket has taken what was written, or is gone. */
function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (!response.writableNeedDrain || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

export async function watchBus({ backend, actor, query, response, signal, version }: Call): Promise<void> {
  const mask = parseWatchMask(query.get('mask') ?? undefined);
  if (typeof mask === 'string') {
    sendText(response, mask, 400);
    return;
  }
  const watcher = backend.watch(mask, { uid: actor.uid });
  const write = (message: Notify): void => {
    response.write(`${stringifyJson(encodeNotify({ Version: version, ...message }))}\n`);
  };
  try {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    // With mask 0 nothing may come for hours, and the client waits for the header.
    response.flushHeaders();
    for (;;) {
      const message = await watcher.next(signal);
      if (message === undefined) break;
      write(message);
      await drained(response, signal);
    }
    response.end();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    backend.bus.remove(watcher);
  }
}
