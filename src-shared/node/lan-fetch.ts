/** HTTP to a device on the local network: from one address of ours, no redirects, bounded in size and time. */
import { request } from 'node:http';
import { RhumbError } from '../errors.ts';
import { type Connect, carriedBy, hostOf, portOf } from './carried.ts';

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

export type LanFetch = (ask: LanRequest, signal: AbortSignal) => Promise<LanAnswer>;

/** `connect` says where connections come from; the system's by default. */
export const lanFetchBy =
  (connect: Connect | undefined): LanFetch =>
  async (ask, signal) => {
    const url = new URL(ask.url);
    const inner = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    const refuse = (why: string): RhumbError => new RhumbError('unavailable', `ask ${ask.url}: ${why}`);
    const target = { host: hostOf(url), port: portOf(url), from: ask.localIp };
    const carried = await carriedBy(connect, target, undefined, inner).catch((error: unknown) => {
      throw refuse(error instanceof Error ? error.message : String(error));
    });
    return exchange(ask, carried, refuse, inner);
  };

export const lanFetch: LanFetch = lanFetchBy(undefined);

function exchange(
  { url, headers, body }: LanRequest,
  carried: Awaited<ReturnType<typeof carriedBy>>,
  refuse: (why: string) => RhumbError,
  signal: AbortSignal,
): Promise<LanAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        // Small devices close anyway.
        ...carried,
        maxHeaderSize: MAX_HEADER_BYTES,
        signal,
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
}
