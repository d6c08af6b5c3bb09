/** The daemon's own TCP and UDP sockets, which stay outside the tunnel whatever the routes say. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, connect as plainConnect, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { closeFd, onceWritable } from '../ffi/fd.ts';
import { openLocalUdp } from '../ffi/sockets.ts';
import { beginConnect, pendingError, type TcpRefused } from '../ffi/stream-sockets.ts';
import type { ChooseEscape } from './escape.ts';

export interface TcpRequest {
  /** An address; names are looked up by `OutsideNames`. */
  readonly host: string;
  readonly port: number;
  /** As the caller took it from the address; it is not looked at again. */
  readonly family?: 4 | 6 | undefined;
  /** An address of ours to connect from. */
  readonly from?: string | undefined;
}

/** A connected socket as `net.connect` would have made it; an aborted attempt leaves none behind. */
export type ConnectTcp = (request: TcpRequest, signal: AbortSignal) => Promise<Socket>;

export interface UdpRequest {
  readonly family: 4 | 6;
  /** An address of ours, or a multicast group; all addresses by default. */
  readonly ip?: string | undefined;
  /** 0 = of the system's choice. */
  readonly port?: number | undefined;
  /** Other programs may have the port as well. */
  readonly shared?: boolean | undefined;
  /** Where it will send to, if to one address only: the loopback needs no way around the tunnel. */
  readonly towards?: string | undefined;
}

/** A bound socket; the caller listens for `error` and closes it. */
export type OpenUdp = (request: UdpRequest) => Promise<UdpSocket>;

export interface OutsideSockets {
  readonly connectTcp: ConnectTcp;
  readonly openUdp: OpenUdp;
}

export interface OutsideOptions {
  readonly log: Log;
  readonly wayOut: ChooseEscape;
  /** Tests name another system; elsewhere than on Linux sockets are plain. */
  readonly platform?: NodeJS.Platform | undefined;
}

export function outsideSockets({ log, wayOut, platform = process.platform }: OutsideOptions): OutsideSockets {
  if (platform !== 'linux') return { connectTcp: connectPlainly, openUdp: openPlainly };
  let isTold = false;
  /** Said once: a machine that refuses one socket refuses all. */
  const tellInside = (code: string | undefined): void => {
    if (code === undefined || isTold) return;
    isTold = true;
    log('warn', 'outside.inside', { code, effect: 'own sockets may go through the tunnel' });
  };
  return {
    connectTcp: (request, signal) => connect(request, wayOut, tellInside, signal),
    openUdp: (request) => open(request, wayOut, tellInside),
  };
}

function connect(
  request: TcpRequest,
  wayOut: ChooseEscape,
  tellInside: (code: string | undefined) => void,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port, from } = request;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (isIP(host) === 0) throw new RhumbError('bad-argument', `connect to ${host}: it is no IP address`);
    const begun = beginConnect({ ip: host, port, from, wayOut: wayOut(host) });
    if (!begun.ok) throw systemError(begun, request);
    tellInside(begun.inside);
    const { fd } = begun;
    const abort = (): void => {
      stop();
      closeFd(fd);
      reject(signal.reason);
    };
    const stop = onceWritable(fd, () => {
      signal.removeEventListener('abort', abort);
      const errno = pendingError(fd);
      if (errno !== 0) {
        closeFd(fd);
        reject(systemError({ ok: false, syscall: 'connect', errno }, request));
        return;
      }
      try {
        resolve(adopt(fd));
      } catch (error) {
        closeFd(fd);
        reject(error);
      }
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** From here on the descriptor is the socket's, which closes it. */
function adopt(fd: number): Socket {
  const socket = new Socket({ fd, readable: true, writable: true });
  // Nagle would hold back small messages for a round trip.
  socket.setNoDelay(true);
  return socket;
}

/** As Node's own sockets say it, so that nobody has to tell them apart. */
function systemError(refused: TcpRefused, { host, port }: TcpRequest): Error {
  const { syscall, errno } = refused;
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${syscall} ${code} ${host}:${port}`), {
    code,
    errno: -errno,
    syscall,
    address: host,
    port,
  });
}

async function open(
  request: UdpRequest,
  wayOut: ChooseEscape,
  tellInside: (code: string | undefined) => void,
): Promise<UdpSocket> {
  const { family, ip, port = 0, shared = false, towards } = request;
  const opened = openLocalUdp({ family, ip, port, shared, wayOut: wayOut(towards ?? ip) });
  if (!opened.ok)
    throw new RhumbError('unavailable', `open a udp socket on ${ip ?? `IPv${family}`}: ${opened.code}`, {
      cause: Object.assign(new Error(opened.code), { code: opened.code }),
    });
  tellInside(opened.inside);
  const socket = newUdp(family);
  const listening = once(socket, 'listening');
  try {
    socket.bind({ fd: opened.fd, exclusive: true });
  } catch (error) {
    // Not the socket's yet.
    closeFd(opened.fd);
    listening.catch(() => undefined); // it will not come
    socket.close();
    throw error;
  }
  try {
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

const newUdp = (family: 4 | 6, reuseAddr = false): UdpSocket =>
  createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    reuseAddr,
    // Destinations are addresses already; the default resolver would cost a turn of the loop per datagram.
    lookup: (host, _options, done) => done(null, host, family),
  });

const connectPlainly: ConnectTcp = ({ host, port, from }, signal) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = plainConnect({
      host,
      port,
      noDelay: true,
      autoSelectFamily: false,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });

const openPlainly: OpenUdp = async ({ family, ip, port = 0, shared = false }) => {
  const socket = newUdp(family, shared);
  try {
    const listening = once(socket, 'listening');
    socket.bind({ port, exclusive: true, ...(ip === undefined ? {} : { address: ip }) });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
};
