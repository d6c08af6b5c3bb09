/** Endless replies whose source never waits for the reader: what a slow one cannot take is lost to it alone. */
import type { ServerResponse } from 'node:http';

/** What a reader may be behind before it loses something. */
const MAX_BEHIND_BYTES = 4 * 1_024 * 1_024;

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Sends pieces while the client stays; `start` gets what takes a piece and gives what ends the source. */
export async function streamBytes(
  response: ServerResponse,
  signal: AbortSignal,
  type: string,
  start: (piece: (bytes: Uint8Array | string) => void) => () => void,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': type });
  response.flushHeaders();
  const stop = start((bytes) => {
    if (response.writableLength < MAX_BEHIND_BYTES) response.write(bytes);
  });
  try {
    await aborted(signal);
  } finally {
    stop();
    response.end();
  }
}

export const streamLines = (
  response: ServerResponse,
  signal: AbortSignal,
  start: (line: (text: string) => void) => () => void,
): Promise<void> =>
  streamBytes(response, signal, 'application/json', (piece) =>
    start((text) => piece(text.endsWith('\n') ? text : `${text}\n`)),
  );
