/** Fetches a small text from the web: bounded in size, time and redirects. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { RhumbError } from '#shared/errors.ts';

const MAX_REDIRECTS = 5;

export async function fetchText(start: URL, maxBytes: number, signal: AbortSignal): Promise<string> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await get(url, maxBytes, signal);
    if (answer.status === 200) return answer.body;
    const next = answer.status >= 300 && answer.status < 400 ? URL.parse(answer.location, url.href) : null;
    // What was asked for securely must not be answered by anybody on the way.
    const isWorse = url.protocol === 'https:' && next?.protocol !== 'https:';
    if (next === null || isWorse || !/^https?:$/.test(next.protocol))
      throw new RhumbError('protocol', `it answered ${answer.status}`);
    url = next;
  }
  throw new RhumbError('protocol', 'it redirects in circles');
}

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly body: string;
}

function get(url: URL, maxBytes: number, signal: AbortSignal): Promise<Answer> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json' };
    const request = send(url, { signal, agent: false, headers }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > maxBytes)
          request.destroy(new RhumbError('protocol', `it answered more than ${maxBytes} bytes`));
        else parts.push(part);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location ?? '',
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}
