/** One attempt to deliver: bounded in time and size, no redirects. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { netErrorText } from '#shared/node/net-error.ts';
import { outsideOnly } from './target.ts';

const LIMIT_MS = 10_000;
/** Nothing of the answer is used; a receiver that talks on is cut off. */
const MAX_ANSWER = 64 * 1_024;

export interface Attempt {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowsInside: boolean;
}

/** `problem` is undefined when it was taken. */
export interface Outcome {
  readonly status: number | undefined;
  readonly problem: string | undefined;
}

export function deliver(
  { url, body, headers, allowsInside }: Attempt,
  ending: AbortSignal,
): Promise<Outcome> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const signal = AbortSignal.any([ending, AbortSignal.timeout(LIMIT_MS)]);
  return new Promise((resolve) => {
    const fail = (error: unknown): void => resolve({ status: undefined, problem: reasonOf(error) });
    const request = send(
      url,
      {
        method: 'POST',
        agent: false,
        signal,
        ...(allowsInside ? {} : { lookup: outsideOnly }),
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'rhumb-control',
        },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        let size = 0;
        response.on('error', fail);
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size > MAX_ANSWER) response.destroy();
        });
        response.on('close', () =>
          resolve({ status, problem: status >= 200 && status < 300 ? undefined : `it answered ${status}` }),
        );
      },
    );
    request.on('error', fail);
    request.end(body);
  });
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.name === 'AbortError' ? error.cause : error;
  if (cause instanceof DOMException && cause.name === 'TimeoutError') return 'it took too long';
  return netErrorText(cause);
}
