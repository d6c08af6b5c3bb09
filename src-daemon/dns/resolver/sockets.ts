/** Sockets to upstreams: outside of the tunnel by mark, or wherever this machine's routes lead. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { OutsideSockets } from '../../outside/sockets.ts';
import type { UpstreamSockets } from './types.ts';

export function upstreamSockets(outside: OutsideSockets): UpstreamSockets {
  return {
    openUdp: async (to, { mark, receive, failed }) => {
      const family = to.ip.includes(':') ? 6 : 4;
      const socket = mark ? await outside.openUdp({ family, towards: to.ip }) : openPlain(family);
      let isClosed = false;
      socket.on('error', failed);
      socket.on('message', receive);
      // Connected: the kernel drops what comes from elsewhere, and tells when nobody listens there.
      const connected = once(socket, 'connect');
      socket.connect(to.port, to.ip);
      const close = (): void => {
        if (!isClosed) socket.close();
        isClosed = true;
      };
      try {
        await connected;
      } catch (error) {
        close();
        throw error;
      }
      return {
        send: (datagram) =>
          socket.send(datagram, (error) => {
            if (error !== null && !isClosed) failed(error);
          }),
        [Symbol.dispose]: close,
      };
    },
    connectTcp: (to, { mark, signal }) =>
      mark ? outside.connectTcp({ host: to.ip, port: to.port }, signal) : connectPlain(to, signal),
  };
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
