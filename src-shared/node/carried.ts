/** Requests of node:http and node:https on connections that somebody else makes, for instance outside a tunnel. */
import type { RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export interface ConnectTarget {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** An address of ours to connect from. */
  readonly from?: string | undefined;
}

/** Gives a connected socket; an aborted attempt must leave none behind. Fails as `net.connect` does. */
export type Connect = (target: ConnectTarget, signal: AbortSignal) => Promise<Socket>;

/** Options for one request: the connection that `connect` makes, with TLS on it if wanted; without it Node's own. */
export async function carriedBy(
  connect: Connect | undefined,
  target: ConnectTarget,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Pick<RequestOptions, 'agent' | 'createConnection' | 'localAddress'>> {
  const { host, from } = target;
  // Never one of a pool: it would outlive the network on which it was made.
  if (connect === undefined) return { agent: false, ...(from === undefined ? {} : { localAddress: from }) };
  const socket = await connect(target, signal);
  const carrier = tls === undefined ? socket : connectTls({ ...tls, socket, host });
  return { createConnection: () => carrier };
}

export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}
