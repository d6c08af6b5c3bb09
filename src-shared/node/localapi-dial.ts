/** A connection that the daemon makes for a client: HTTP turned into a stream of bytes (localapi-and-daemon.md §2.2). */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { RhumbError } from '../errors.ts';
import { parseSockAddr, type SockAddr } from '../ip/address.ts';
import { API_PREFIX, errorText, LOCAL_HOST } from '../localapi/http.ts';

export type Dialled =
  | { readonly kind: 'stream'; readonly stream: Duplex }
  /** No way into the network leads there: the client must connect on its own, with its own rights. */
  | { readonly kind: 'self'; readonly address: SockAddr };

export interface DialTarget {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
}

const MAX_ERROR = 64 * 1024;

/** Rejects with the daemon's words when it can't; aborting ends the stream, too. */
export function dialThrough(socketPath: string, target: DialTarget, signal: AbortSignal): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(signal.aborted ? signal.reason : error);
    const outgoing = request({
      socketPath,
      method: 'POST',
      path: `${API_PREFIX}dial`,
      // No pool: the connection becomes the stream.
      agent: false,
      signal,
      headers: {
        Host: LOCAL_HOST,
        Upgrade: 'ts-dial',
        Connection: 'upgrade',
        'Dial-Host': target.host,
        'Dial-Port': String(target.port),
        'Dial-Network': 'tcp',
      },
    });
    outgoing.on('upgrade', (_response, stream: Duplex, head: Buffer) => {
      if (head.length > 0) stream.unshift(head);
      resolve({ kind: 'stream', stream });
    });
    outgoing.on('response', (response) => {
      const self = response.headers['dial-self'] === 'true' ? response.headers['dial-addr'] : undefined;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        if (text.length < MAX_ERROR) text += part;
      });
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode !== 200) {
          fail(new RhumbError('unavailable', errorText(text) || `${response.statusCode ?? 0}`));
          return;
        }
        const address = typeof self === 'string' ? parseSockAddr(self) : undefined;
        if (address === undefined) fail(new RhumbError('protocol', "dial: the daemon's reply is malformed"));
        else resolve({ kind: 'self', address });
      });
    });
    outgoing.on('error', (error) =>
      fail(new RhumbError('unavailable', `can't reach rhumbd at ${socketPath}: ${error.message}`)),
    );
    outgoing.end();
  });
}
