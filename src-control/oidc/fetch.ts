/** HTTP to identity providers: bounded in time and size, and every failure of the way there is `unavailable`. */
import type { CustomFetch } from 'openid-client';
import { RhumbError } from '#shared/errors.ts';

/** Key sets and user infos are a few kilobytes. */
const MAX_ANSWER = 1 << 20;
/** No body: Response refuses one. */
const BODYLESS = new Set([101, 204, 205, 304]);

/** `ending` cuts what is under way when the server ends. */
export function boundedFetch(ending: AbortSignal): CustomFetch {
  return async (url, options) => {
    const signal = options.signal === undefined ? ending : AbortSignal.any([options.signal, ending]);
    try {
      const answer = await fetch(url, { ...options, body: options.body ?? null, signal });
      const body = await readBounded(answer);
      return new Response(BODYLESS.has(answer.status) ? null : body, {
        status: answer.status,
        headers: answer.headers,
      });
    } catch (cause) {
      if (cause instanceof RhumbError) throw cause;
      throw new RhumbError('unavailable', `${new URL(url).origin} does not answer: ${reasonOf(cause)}`, {
        cause,
      });
    }
  };
}

async function readBounded(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > MAX_ANSWER) {
      await answer.body?.cancel().catch(() => undefined);
      throw new RhumbError('protocol', `the provider answered more than ${MAX_ANSWER} bytes`);
    }
    parts.push(part);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** `fetch` hides what happened one level down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error.name === 'TimeoutError' ? 'it took too long' : error.message;
}
