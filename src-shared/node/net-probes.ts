/** What a network check needs of the operating system besides its socket: names, HTTP, a second socket. */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request } from 'node:http';
import { RhumbError } from '../errors.ts';
import type { SockAddr } from '../ip/address.ts';
import { netErrorText } from './net-error.ts';

const MAX_HEADER_BYTES = 16 * 1_024;

/** All addresses of a name, by the system's resolver (which cannot be cancelled: the asker just stops waiting). */
export const resolveBySystem = async (name: string): Promise<readonly string[]> =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/** Whether IPv6 was switched off on this machine: then not even the loopback has it. */
export async function osHasIpv6(): Promise<boolean> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address: '::1', port: 0, exclusive: true });
    await listening;
    return true;
  } catch {
    // That it fails is the answer.
    return false;
  } finally {
    socket.close();
  }
}

/** From a new socket on a port of the system's choice. */
export async function sendFromElsewhere(to: SockAddr, datagram: Uint8Array): Promise<void> {
  const socket = createSocket(to.ip.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.send(datagram, to.port, to.ip, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    socket.close();
  }
}

export interface HttpHead {
  readonly status: number;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
}

export interface HttpGetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** The address of ours to connect from. */
  readonly from: string;
  readonly signal: AbortSignal;
}

/** Gives the head of the answer alone: what a portal has in its body is of no interest. No redirects. */
export const httpGet = (url: string, { headers, from, signal }: HttpGetOptions): Promise<HttpHead> =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'GET', localAddress: from, agent: false, maxHeaderSize: MAX_HEADER_BYTES, headers, signal },
      (incoming) => {
        resolve({
          status: incoming.statusCode ?? 0,
          header: (name) => {
            const value = incoming.headers[name];
            return typeof value === 'string' ? value : undefined;
          },
        });
        incoming.destroy();
      },
    );
    outgoing.on('error', (error) =>
      reject(new RhumbError('unavailable', `ask ${url}: ${netErrorText(error)}`, { cause: error })),
    );
    outgoing.end();
  });
