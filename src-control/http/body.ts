/** Reads a request body of bounded size, from either HTTP version. */
import type { Readable } from 'node:stream';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';

/** Thrown when a body is larger than allowed; its own code, because HTTP has a status for it. */
export class TooLarge extends Error {
  override name = 'TooLarge';
}

/** Leaves the stream whole when it gives up, so that the refusal can still be answered on it. */
export function readBody(stream: Readable, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onError);
      stream.off('aborted', onClose).off('close', onClose);
    };
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
        return;
      }
      stop();
      stream.resume();
      reject(new TooLarge(`the body is larger than ${limit} bytes`));
    };
    const onEnd = (): void => {
      stop();
      resolve(Buffer.concat(chunks));
    };
    const onError = (error: Error): void => {
      stop();
      reject(error);
    };
    const onClose = (): void => onError(new RhumbError('unavailable', 'the body ended before it was whole'));
    if (stream.destroyed) {
      onClose();
      return;
    }
    stream.on('data', onData).on('end', onEnd).on('error', onError);
    // A reset is told as 'aborted' at once, while 'close' waits for what was written before.
    stream.on('aborted', onClose).on('close', onClose);
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function parseBody(bytes: Uint8Array): unknown {
  try {
    return parseJson(decoder.decode(bytes));
  } catch (cause) {
    throw new RhumbError('bad-argument', 'the request body is not JSON', { cause });
  }
}
