/** Reads a request body of bounded size, from either HTTP version. */
import type { Readable } from 'node:stream';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';

/** Thrown when a body is larger than allowed; its own code, because HTTP has a status for it. */
export class TooLarge extends Error {
  override name = 'TooLarge';
}

export async function readBody(stream: Readable, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) throw new TooLarge(`the body is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function parseBody(bytes: Uint8Array): unknown {
  try {
    return parseJson(decoder.decode(bytes));
  } catch (cause) {
    throw new RhumbError('bad-argument', 'the request body is not JSON', { cause });
  }
}
