/** The system's UDP sockets as the engine's SocketFactory: one socket per family, sharing a port. */
import { createSocket, type Socket } from 'node:dgram';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { markSocket } from '../ffi/linux.ts';
import type { SocketFactory, UdpSocket } from './types.ts';

/** What tailscaled and wireguard-go ask for; the kernel clamps it to net.core.rmem_max. */
const BUFFER_BYTES = 7 << 20;

export interface UdpFailure {
  readonly to: SockAddr;
  /** Name of the error: ENETUNREACH, EMSGSIZE, … */
  readonly code: string;
}

/** `sendFailed` hears of datagrams that the OS refused; they are lost, as on any network. */
export function systemSockets(deps: {
  readonly log: Log;
  readonly sendFailed: (failure: UdpFailure) => void;
}): SocketFactory {
  return {
    open: async ({ family, port, mark, receive, failed }) => {
      const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
      await bind(socket, family, port);
      enlarge(socket, deps.log);
      if (mark !== undefined) applyMark(socket, mark, deps.log);
      socket.on('message', (data, from) => receive({ ip: from.address, port: from.port }, data));
      socket.on('error', (error) => failed(error));
      return opened(socket, deps.sendFailed);
    },
  };
}

async function bind(socket: Socket, family: 4 | 6, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port, address: family === 4 ? '0.0.0.0' : '::', exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE')
      throw new RhumbError(
        'conflict',
        `listen on UDP port ${port}: another program uses it; choose another with --port, or 0 for any`,
        { cause: error },
      );
    throw new RhumbError('unavailable', `listen on UDP port ${port} (IPv${family}): ${code ?? 'failed'}`, {
      cause: error,
    });
  }
}

function opened(socket: Socket, sendFailed: (failure: UdpFailure) => void): UdpSocket {
  let open = true;
  return {
    port: socket.address().port,
    send: (to, datagram) => {
      if (!open) return;
      // libuv tries the system call at once and keeps only what the kernel would not take then; the buffer must stay
      // untouched until the callback, so callers hand over a buffer of its own per datagram.
      socket.send(datagram, to.port, to.ip, (error) => {
        if (error !== null) sendFailed({ to, code: (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN' });
      });
    },
    close: async () => {
      if (!open) return;
      open = false;
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

/** A small buffer costs packets in a burst, not correctness: worth a line, not an error. */
function enlarge(socket: Socket, log: Log): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch (error) {
    log('debug', 'udp.buffers-small', { error });
  }
}

function applyMark(socket: Socket, mark: number, log: Log): void {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  const code = fd === undefined ? 'ENOTSUP' : markSocket(fd, mark);
  // data-plane.md §1.10: go on without the mark where it is not permitted.
  if (code !== undefined) log('warn', 'udp.unmarked', { code });
}
