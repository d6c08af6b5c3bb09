/** HTTP to a device on the local network: from one address of ours, no redirects, bounded in size and time. */
import { request } from 'node:http';
import { RhumbError } from '../errors.ts';

export interface LanRequest {
  readonly url: string;
  readonly localIp: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** POST with this, else GET. */
  readonly body?: string | undefined;
}
export interface LanAnswer {
  readonly status: number;
  readonly body: string;
}

/** A round trip or two on the local network: a second is long (nat-traversal.md §3.5). */
const LIMIT_MS = 1_000;
const MAX_HEADER_BYTES = 8 * 1_024;
const MAX_BODY_BYTES = 64 * 1_024;

export const lanFetch = (
  { url, localIp, headers, body }: LanRequest,
  signal: AbortSignal,
): Promise<LanAnswer> =>
  new Promise((resolve, reject) => {
    const refuse = (why: string): RhumbError => new RhumbError('unavailable', `ask ${url}: ${why}`);
    const outgoing = request(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        localAddress: localIp,
        // Small devices close anyway, and a kept connection would outlive the network it was made on.
        agent: false,
        maxHeaderSize: MAX_HEADER_BYTES,
        signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
        headers: {
          ...headers,
          Connection: 'close',
          ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= MAX_BODY_BYTES) chunks.push(chunk);
          else outgoing.destroy(refuse('the answer is too long'));
        });
        incoming.on('error', (error) => reject(refuse(error.message)));
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
      },
    );
    outgoing.on('error', (error) => reject(error instanceof RhumbError ? error : refuse(error.message)));
    outgoing.end(body);
  });
