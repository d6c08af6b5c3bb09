/** One HEAD request to a web address that the server names; what is answered is of no interest. */
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { type Connect, carriedBy, hostOf, portOf } from '#shared/node/carried.ts';

/** Rejects when there is no answer. */
export type WebHead = (url: string, signal: AbortSignal) => Promise<void>;

const MAX_HEADER_BYTES = 16 * 1_024;

export const webHeadBy =
  (connect: Connect | undefined): WebHead =>
  async (text, signal) => {
    const url = new URL(text);
    const host = hostOf(url);
    const isTls = url.protocol === 'https:';
    const tls = isTls ? { servername: isIP(host) === 0 ? host : '' } : undefined;
    const carried = await carriedBy(connect, { host, port: portOf(url) }, tls, signal);
    await new Promise<void>((resolve, reject) => {
      const options = { method: 'HEAD', signal, maxHeaderSize: MAX_HEADER_BYTES, ...carried };
      const request = (isTls ? https : http).request(url, options, (response) => {
        response.destroy();
        resolve();
      });
      request.on('error', reject);
      request.end();
    });
  };
