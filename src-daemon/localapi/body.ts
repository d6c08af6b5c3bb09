/** Reading request bodies: bounded, whole, then JSON. */
import type { IncomingMessage } from 'node:http';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Programs such as curl call JSON a form unless told otherwise, and then the body is looked at twice. */
const bodies = new WeakMap<IncomingMessage, Promise<string>>();

export function readBody(request: IncomingMessage): Promise<string> {
  const known = bodies.get(request);
  if (known !== undefined) return known;
  const body = readAll(request);
  bodies.set(request, body);
  return body;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RhumbError('bad-argument', 'request body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An empty body is an empty object: the official daemon reads it so for `start`. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readBody(request);
  if (text.trim() === '') return {};
  try {
    return parseJson(text);
  } catch (error) {
    throw new RhumbError('bad-argument', 'invalid JSON body', { cause: error });
  }
}
