/** Sockets to upstreams: outside of the tunnel by mark, or wherever this machine's routes lead. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { OutsideSockets } from '../../outside/sockets.ts';
import type { UpstreamSockets } from './types.ts';
import { UdpPool } from './udp-pool.ts';

export function upstreamSockets(outside: OutsideSockets, clock: Clock): UpstreamSockets {
  const pool = new UdpPool((to, mark) => openConnected(outside, to, mark), clock);
  return {
    openUdp: (to, { mark, ...handlers }) => pool.exchange(to, mark, handlers),
    connectTcp: (to, { mark, signal }) =>
      mark ? outside.connectTcp({ host: to.ip, port: to.port }, signal) : connectPlain(to, signal),
  };
}

/** Connected: the kernel drops what comes from elsewhere, and tells when nobody listens there. */
async function openConnected(outside: OutsideSockets, to: SockAddr, mark: boolean): Promise<DatagramSocket> {
  const family = to.ip.includes(':') ? 6 : 4;
  const socket = mark ? await outside.openUdp({ family, towards: to.ip }) : openPlain(family);
  try {
    const connected = once(socket, 'connect');
    socket.connect(to.port, to.ip);
    await connected;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

const openPlain = (family: 4 | 6): DatagramSocket =>
  createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    // Addresses only: the default resolver would cost a turn of the loop.
    lookup: (host, _options, done) => done(null, host, family),
  });

const connectPlain: (
  to: { readonly ip: string; readonly port: number },
  signal: AbortSignal,
) => ReturnType<UpstreamSockets['connectTcp']> = (to, signal) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host: to.ip, port: to.port, noDelay: true, autoSelectFamily: false });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
