/** What a network check needs of the operating system besides its socket: names, HTTP, a second socket. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request } from 'node:http';
import { RhumbError } from '../errors.ts';
import type { SockAddr } from '../ip/address.ts';
import { type Connect, carriedBy, hostOf, portOf } from './carried.ts';
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
export async function sendFromElsewhere(
  to: SockAddr,
  datagram: Uint8Array,
  open: (family: 4 | 6) => Promise<Socket> = openAnywhere,
): Promise<void> {
  const socket = await open(to.ip.includes(':') ? 6 : 4);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.send(datagram, to.port, to.ip, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    socket.close();
  }
}

const openAnywhere = async (family: 4 | 6): Promise<Socket> => createSocket(family === 4 ? 'udp4' : 'udp6');

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

export type HttpGet = (url: string, options: HttpGetOptions) => Promise<HttpHead>;

/** Gives the head of the answer alone: what a portal has in its body is of no interest. No redirects. */
export const httpGetBy =
  (connect: Connect | undefined): HttpGet =>
  async (text, { headers, from, signal }) => {
    const url = new URL(text);
    const failed = (error: unknown): RhumbError =>
      new RhumbError('unavailable', `ask ${text}: ${netErrorText(error)}`, { cause: error });
    const target = { host: hostOf(url), port: portOf(url), from };
    const carried = await carriedBy(connect, target, undefined, signal).catch((error: unknown) => {
      throw failed(error);
    });
    return new Promise((resolve, reject) => {
      const outgoing = request(
        text,
        { method: 'GET', ...carried, maxHeaderSize: MAX_HEADER_BYTES, headers, signal },
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
      outgoing.on('error', (error) => reject(failed(error)));
      outgoing.end();
    });
  };

export const httpGet: HttpGet = httpGetBy(undefined);
