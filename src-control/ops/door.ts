/** Who gets a connection at all: a bound on all of them, and on those of one address that is no trusted proxy. */
import type { Server, Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { Prefix } from '#shared/ip/address.ts';
import { AcceptGate, DEFAULT_GATE, type Passage } from '../../src-relay/front/accept-gate.ts';
import type { Meter } from '../state/meter.ts';
import { isTrustedProxy } from './trusted-proxies.ts';

export interface DoorOptions {
  readonly clock: Clock;
  readonly meter: Meter;
  /** Both are asked each time, because they may change while the server runs. */
  readonly maxConnections: () => number;
  readonly trustedProxies: () => readonly Prefix[];
}

export interface Door {
  readonly open: number;
  /** A connection that stays, such as a machine's control channel: it no longer counts as one that waits. */
  settled(socket: Ends): void;
}

interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Before the server's own listeners, so that a surplus connection costs no TLS. */
export function guardDoor(server: Server, options: DoorOptions): Door {
  const gate = new AcceptGate(options.clock, DEFAULT_GATE);
  const passages = new Map<string, Passage | undefined>();
  let open = 0;
  const refuse = (socket: Socket, reason: string): void => {
    options.meter.count('connections_refused', { reason });
    socket.on('error', ignore);
    socket.destroy();
  };
  server.prependListener('connection', (socket: Socket) => {
    if (open >= options.maxConnections()) return refuse(socket, 'all');
    // A proxy stands for everybody behind it.
    const isProxy = isTrustedProxy(socket.remoteAddress, options.trustedProxies());
    const passage = isProxy ? undefined : gate.enter(socket.remoteAddress);
    if (!isProxy && passage === undefined) return refuse(socket, 'address');
    open += 1;
    passages.set(nameOf(socket), passage);
    const name = nameOf(socket);
    socket.once('close', () => {
      open -= 1;
      passages.delete(name);
      passage?.closed();
    });
  });
  return {
    get open() {
      return open;
    },
    settled: (socket) => passages.get(nameOf(socket))?.upgraded(),
  };
}

const ignore = (): void => undefined;

/** A TLS connection has the same ends as the TCP connection under it. */
const nameOf = (socket: Ends): string => `${socket.remoteAddress} ${socket.remotePort}`;
