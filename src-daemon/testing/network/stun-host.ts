/** A simulated STUN server: answers binding requests with the source it sees (nat-traversal.md §2.2). */
import type { SockAddr } from '#shared/ip/address.ts';
import { decodeRequest, encodeResponse } from '#shared/stun/stun.ts';
import type { Host } from './host.ts';

export const STUN_PORT = 3_478;

export function serveStun(host: Host, port = STUN_PORT): void {
  for (const family of [4, 6] as const) {
    const socket = host.bind(
      family,
      (from: SockAddr, data: Uint8Array) => {
        const request = decodeRequest(data);
        if (request !== undefined) socket.send(from, encodeResponse(request.txId, from));
      },
      port,
    );
  }
}
