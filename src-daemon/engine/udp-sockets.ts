/** The system's UDP sockets as the engine's SocketFactory, through node:dgram. */
import { type BindOptions, createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { enlarge, openUdp } from '../ffi/sockets.ts';
import type { SocketFactory, UdpSocket } from './types.ts';

/** What tailscaled and wireguard-go ask for; without CAP_NET_ADMIN the kernel gives what its limits allow. */
const BUFFER_BYTES = 7 << 20;
/** Above this much unsent data new datagrams are dropped: a queue here would only add delay. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** The queue is looked at every so many datagrams. */
const QUEUE_CHECK = 32;

export const systemSockets = (log: Log): SocketFactory => ({
  async open({ family, port, mark, dontFragment, bufferBytes, receive, failed, sendFailed }) {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Destinations are addresses already; the default resolver would cost a turn of the loop per datagram.
      lookup: (host, _options, done) => done(null, host, family),
    });
    let fd: number | undefined;
    try {
      const listening = once(socket, 'listening');
      const at = address({ family, port, mark, log, dontFragment, bufferBytes: bufferBytes ?? BUFFER_BYTES });
      fd = at.fd;
      socket.bind(at);
      await listening;
    } catch (error) {
      socket.close();
      throw bindError(error, family, port);
    }
    socket.on('message', (datagram, remote) => receive({ ip: remote.address, port: remote.port }, datagram));
    socket.on('error', failed);
    return new SystemSocket(socket, fd, sendFailed);
  },
});

/** On Linux the descriptor is made by us, because dgram has no public way to set these options afterwards. */
function address(options: {
  readonly family: 4 | 6;
  readonly port: number;
  readonly mark: number | undefined;
  readonly dontFragment: boolean | undefined;
  readonly bufferBytes: number;
  readonly log: Log;
}): BindOptions {
  const { family, port, mark, dontFragment, bufferBytes, log } = options;
  if (process.platform !== 'linux')
    return { port, address: family === 4 ? '0.0.0.0' : '::', exclusive: true };
  const opened = openUdp({ family, port, mark, dontFragment, bufferBytes });
  if (!opened.ok) throw Object.assign(new Error(`${opened.step}: ${opened.code}`), { code: opened.code });
  // data-plane.md §1.10: go on without the mark where it is not permitted.
  if (opened.unmarked !== undefined) log('warn', 'udp.unmarked', { code: opened.unmarked });
  // Costs packets in a burst, not correctness.
  if (opened.smallBuffers !== undefined) log('debug', 'udp.buffers-small', { code: opened.smallBuffers });
  if (opened.fragmented !== undefined) log('warn', 'udp.fragmenting', { code: opened.fragmented });
  return { fd: opened.fd, exclusive: true };
}

class SystemSocket implements UdpSocket {
  readonly port: number;
  readonly #socket: Socket;
  readonly #afterSend: (error: Error | null) => void;
  readonly #sendFailed: ((to: SockAddr, code: string) => void) | undefined;
  #sinceCheck = 0;
  #isOpen = true;
  readonly #fd: number | undefined;
  #isLarge = false;

  constructor(
    socket: Socket,
    fd: number | undefined,
    sendFailed: ((to: SockAddr, code: string) => void) | undefined,
  ) {
    this.#socket = socket;
    this.#fd = fd;
    this.port = socket.address().port;
    this.#sendFailed = sendFailed;
    // One function for all datagrams: the error itself says where it was going.
    this.#afterSend = (error) => {
      if (error === null || sendFailed === undefined || !this.#isOpen) return;
      const {
        address = '',
        port = 0,
        code = 'UNKNOWN',
      } = error as { address?: string; port?: number; code?: string };
      sendFailed({ ip: address, port }, code);
    };
  }

  send(to: SockAddr, datagram: Uint8Array): void {
    if (!this.#isOpen) return;
    if (++this.#sinceCheck >= QUEUE_CHECK) {
      if (this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
        this.#sendFailed?.(to, 'EAGAIN');
        return;
      }
      this.#sinceCheck = 0;
    }
    this.#socket.send(datagram, 0, datagram.length, to.port, to.ip, this.#afterSend);
  }

  grow(): void {
    if (!this.#isOpen || this.#isLarge || this.#fd === undefined) return;
    this.#isLarge = true;
    enlarge(this.#fd, BUFFER_BYTES);
  }

  close(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isOpen = false;
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

/** Why a socket could not be opened, and what to do about it. */
export function bindError(error: unknown, family: 4 | 6, port: number): RhumbError {
  const code = (error as { code?: unknown }).code;
  const what = `open udp port ${port} for IPv${family}`;
  if (code === 'EADDRINUSE')
    return new RhumbError(
      'conflict',
      `${what}: another program uses it; stop it or choose another with --port`,
      {
        cause: error,
      },
    );
  if (code === 'EACCES' || code === 'EPERM')
    return new RhumbError('not-allowed', `${what}: not allowed; run as root or choose a port above 1023`, {
      cause: error,
    });
  return new RhumbError('unavailable', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
