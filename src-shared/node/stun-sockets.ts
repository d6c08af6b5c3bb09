/** UDP sockets of its own for a network check outside the daemon: one for each family, on the same port if one is given. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../async/clock.ts';
import { canonicalIp, type SockAddr } from '../ip/address.ts';
import { isStun } from '../stun/stun.ts';
import { usableFamilies } from './interfaces.ts';
import { netErrorText } from './net-error.ts';

type Family = 4 | 6;

export interface StunSocketOptions {
  readonly clock: Clock;
  /** An address of this machine; any by default. Then only its family is opened. */
  readonly bindAddress?: string | undefined;
  /** 0 = the system picks one for each family. */
  readonly bindPort: number;
  readonly receive: (from: SockAddr, datagram: Uint8Array, atMs: number) => void;
}

export interface StunSockets extends AsyncDisposable {
  /** False when there is no socket for it. */
  send(to: SockAddr, datagram: Uint8Array): boolean;
  /** There is a socket, and an address that reaches beyond the link. */
  canSend(family: Family): boolean;
  /** Why a family has no socket; all of them when nothing can be sent. */
  readonly failures: readonly string[];
  readonly isOpen: boolean;
}

/** A firewall may keep us from ourselves. */
const WARM_UP_MS = 50;
/** Too short for STUN: whoever gets it drops it. */
const WARM_UP = new Uint8Array(1);

/** Never rejects: a machine without UDP is one of those that a check is for. */
export async function openStunSockets(options: StunSocketOptions): Promise<StunSockets> {
  const { bindAddress, clock } = options;
  const families: readonly Family[] = bindAddress === undefined ? [4, 6] : [familyOf(bindAddress)];
  const failures: string[] = [];
  const sockets = new Map<Family, Socket>();
  for (const family of families)
    try {
      sockets.set(family, await open(family, options));
    } catch (error) {
      failures.push(`udp${family}: ${netErrorText(error)}`);
    }
  await Promise.all([...sockets.values()].map((socket) => warmUp(socket, clock)));
  const usable = usableFamilies();
  return {
    failures,
    isOpen: sockets.size > 0,
    canSend: (family) => sockets.has(family) && (bindAddress !== undefined || usable.has(family)),
    send: (to, datagram) => {
      const socket = sockets.get(familyOf(to.ip));
      // The system's word comes later; a datagram that it does not take is one that is lost.
      socket?.send(datagram, to.port, to.ip, () => undefined);
      return socket !== undefined;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...sockets.values()].map(closed));
    },
  };
}

async function open(family: Family, options: StunSocketOptions): Promise<Socket> {
  const { clock, bindAddress, bindPort, receive } = options;
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Destinations are addresses already; a look-up would cost a turn of the event loop and so falsify the latency.
    lookup: (host, _options, done) => done(null, host, family),
  });
  socket.on('message', (data, remote) => {
    const atMs = clock.monotonic();
    if (!isStun(data)) return;
    const ip = canonicalIp(remote.address.replace(/%.*$/, ''));
    if (ip !== undefined) receive({ ip, port: remote.port }, data, atMs);
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({
      port: bindPort,
      exclusive: true,
      ...(bindAddress !== undefined && { address: bindAddress }),
    });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  // What goes wrong from here on is a datagram that gets no answer.
  socket.on('error', () => undefined);
  return socket;
}

/** The first datagram each way takes a socket milliseconds, which would count as latency: that is one to itself. */
async function warmUp(socket: Socket, clock: Clock): Promise<void> {
  const { address, port } = socket.address();
  const own = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const arrived = Promise.withResolvers<void>();
  const cancel = clock.after(WARM_UP_MS, arrived.resolve);
  socket.once('message', () => arrived.resolve());
  socket.send(WARM_UP, port, own, () => undefined);
  await arrived.promise;
  cancel();
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(() => resolve()));

const familyOf = (ip: string): Family => (ip.includes(':') ? 6 : 4);
