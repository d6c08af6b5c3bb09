/** UDP on the local network over IPv4: a socket on one address of ours that can multicast, or one that hears a group. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { RhumbError } from '../errors.ts';
import type { SockAddr } from '../ip/address.ts';

export interface LanSocket {
  /** What cannot be sent is lost, as on the way. */
  send(to: SockAddr, datagram: Uint8Array): void;
  close(): Promise<void>;
}
export interface LanSocketOptions {
  readonly localIp: string;
  readonly receive: (from: SockAddr, datagram: Uint8Array) => void;
}

/** Gives a bound socket; `shared` = other programs may have the port as well. */
export type OpenBound = (at: SockAddr, shared: boolean) => Promise<Socket>;

/** UPnP Device Architecture §1.1.2. */
const MULTICAST_TTL = 2;

/** On a port of the system's choice. */
export async function openLanSocket(
  { localIp, receive }: LanSocketOptions,
  open: OpenBound = openBound,
): Promise<LanSocket> {
  const socket = await opened({ port: 0, ip: localIp }, false, open);
  return configured(socket, localIp, receive, () => {
    socket.setMulticastInterface(localIp);
    socket.setMulticastTTL(MULTICAST_TTL);
  });
}

/** Hears what is sent to a multicast group on the network of `localIp`; other programs may listen as well. */
export async function openLanGroup(
  group: SockAddr,
  { localIp, receive }: LanSocketOptions,
  open: OpenBound = openBound,
): Promise<LanSocket> {
  const socket = await opened(group, true, open);
  return configured(socket, group.ip, receive, () => socket.addMembership(group.ip, localIp));
}

async function opened(at: SockAddr, shared: boolean, open: OpenBound): Promise<Socket> {
  try {
    return await open(at, shared);
  } catch (error) {
    throw failed(at.ip, error);
  }
}

const openBound: OpenBound = async ({ ip, port }, shared) => {
  const socket = createSocket({
    type: 'udp4',
    reuseAddr: shared,
    // Destinations are addresses already.
    lookup: (host, _options, done) => done(null, host, 4),
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ port, address: ip, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
};

async function configured(
  socket: Socket,
  ip: string,
  receive: LanSocketOptions['receive'],
  configure: () => void,
): Promise<LanSocket> {
  let isOpen = true;
  const close = (): Promise<void> => {
    if (!isOpen) return Promise.resolve();
    isOpen = false;
    return new Promise((resolve) => socket.close(() => resolve()));
  };
  try {
    configure();
  } catch (error) {
    // The address went away in between.
    await close();
    throw failed(ip, error);
  }
  socket.on('message', (data, remote) => {
    if (isOpen) receive({ ip: remote.address, port: remote.port }, data);
  });
  // As with what cannot be sent: who waits for an answer waits for so long only.
  socket.on('error', () => undefined);
  return {
    send: (to, datagram) => {
      if (isOpen) socket.send(datagram, 0, datagram.length, to.port, to.ip, () => undefined);
    },
    close,
  };
}

function failed(what: string, error: unknown): RhumbError {
  const why = error instanceof Error ? error.message : String(error);
  return new RhumbError('unavailable', `open a udp socket on ${what}: ${why}`, { cause: error });
}
