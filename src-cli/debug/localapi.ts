/** `rhumb debug localapi`: any call of the daemon's API. */
import { RhumbError } from '#shared/errors.ts';
import { API_PREFIX } from '#shared/localapi/http.ts';
import type { Context } from '../commands/context.ts';
import type { Action } from '../commands/spec.ts';

const MAX_BODY = 16 * 1024 * 1024;
const isMethod = (word: string): boolean => /^[A-Z]{1,7}$/.test(word);

/** `rhumb debug localapi`. */
export const debugLocalApi: Action = async (context, { flags, args }) => {
  const [first = '', ...rest] = args;
  const [method, path, body] = isMethod(first) ? [first, ...rest] : ['GET', first, ...rest];
  if (path === undefined || path === '')
    throw new RhumbError('bad-argument', 'usage: rhumb debug localapi [method] <path> [body|-]');
  const name = path.replace(/^\/?(?:localapi\/)?(?:v0\/)?/, '');
  const text = body === '-' ? await readAll(context) : body;
  context.err(`# doing request ${method} ${API_PREFIX}${name}\n`);
  const reply = await context.api.raw({ method, path: name, text }, context.signal);
  const isFine = reply.status >= 200 && reply.status < 300;
  if (flags.bool('v')) {
    const headers = Object.entries(reply.headers).map(([key, value]) => `${key}: ${String(value)}\n`);
    context.out(`HTTP/1.1 ${reply.line}\n${headers.join('')}\n`);
  } else if (!isFine) context.err(`# Response status ${reply.line}\n`);
  context.out(reply.text);
  if (!isFine) throw new RhumbError('unavailable', reply.line);
  return 0;
};

async function readAll({ stdin, err }: Context): Promise<string> {
  err('# reading request body from stdin...\n');
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > MAX_BODY) throw new RhumbError('bad-argument', `a body has at most ${MAX_BODY} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}
