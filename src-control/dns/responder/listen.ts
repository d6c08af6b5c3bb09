/** The responder's sockets: UDP and TCP on one port, strangers kept few and short. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket as TcpSocket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatIp, parseIp, unmap } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { answer, truncated } from './answer.ts';
import type { ZoneData } from './zone-data.ts';

export interface ResponderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** What whoever asks from this address may know. */
  readonly dataFor: (address: string) => ZoneData;
  /** False when this network asks too often by UDP, where the address may be somebody else's. */
  readonly mayAsk: (network: string) => boolean;
}

export interface Responder extends AsyncDisposable {
  readonly port: number;
}

const MAX_CONNECTIONS = 64;
const MAX_QUERIES_PER_CONNECTION = 256;
const CONNECTION_MS = 20_000;
/** Of two queries that are too many one is answered with "ask by TCP", which a forger never sees (as RRL's slip). */
const SLIP = 2;

export async function listenResponder(host: string, port: number, deps: ResponderDeps): Promise<Responder> {
  await using stack = new AsyncDisposableStack();
  const tcp = await listenTcp(host, port, deps);
  stack.defer(() => closeTcp(tcp));
  const bound = portOf(tcp);
  const udp = await listenUdp(host, bound, deps);
  stack.defer(() => new Promise<void>((resolve) => udp.close(() => resolve())));
  const owned = stack.move();
  return { port: bound, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const cantListen = (host: string, port: number, cause: Error): RhumbError =>
  new RhumbError(
    'unavailable',
    `the DNS responder can't listen on ${host} port ${port} (dns.responder.listen): ${cause.message}`,
    { cause },
  );

async function listenUdp(host: string, port: number, deps: ResponderDeps): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
  let over = 0;
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const address = plainAddress(from.address);
    const isOver = !deps.mayAsk(networkOf(address));
    if (isOver) over += 1;
    if (isOver && over % SLIP === 1) return;
    const reply = isOver ? truncated(message) : answer(deps.dataFor(address), message, 'udp');
    if (reply !== undefined)
      socket.send(reply, from.port, from.address, (error) => {
        if (error) deps.log('debug', 'dns.not-sent', { error: error.message });
      });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => reject(cantListen(host, port, cause)));
    socket.bind({ address: host, port }, resolve);
  });
  socket.removeAllListeners('error');
  socket.on('error', (error) => deps.log('warn', 'dns.socket-failed', { error: error.message }));
  return socket;
}

const connections = new WeakMap<Server, Set<TcpSocket>>();

async function listenTcp(host: string, port: number, deps: ResponderDeps): Promise<Server> {
  const open = new Set<TcpSocket>();
  const server = createServer((socket) => {
    open.add(socket);
    const cancel = deps.clock.after(CONNECTION_MS, () => socket.destroy());
    socket.once('close', () => {
      cancel();
      open.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    serveConnection(socket, deps);
  });
  connections.set(server, open);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cantListen(host, port, cause)));
    server.listen({ host, port }, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => deps.log('warn', 'dns.listener-failed', { error: error.message }));
  return server;
}

/** Each message has its length in front (RFC 1035 §4.2.2). */
function serveConnection(socket: TcpSocket, deps: ResponderDeps): void {
  const address = plainAddress(socket.remoteAddress ?? '');
  let held = Buffer.alloc(0);
  let served = 0;
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const length = held.readUInt16BE(0);
      const reply = answer(deps.dataFor(address), held.subarray(2, 2 + length), 'tcp');
      held = held.subarray(2 + length);
      served += 1;
      if (reply === undefined || served > MAX_QUERIES_PER_CONNECTION) return void socket.destroy();
      const size = Buffer.alloc(2);
      size.writeUInt16BE(reply.length);
      // Who does not read the answers gets no more.
      if (!socket.write(Buffer.concat([size, reply]))) return void socket.end();
    }
  });
}

async function closeTcp(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of connections.get(server) ?? []) socket.destroy();
  await closed;
}

/** IPv4 as such, also where a socket for both families shows it inside IPv6. */
function plainAddress(text: string): string {
  const ip = parseIp(text.replace(/%.*$/, ''));
  return ip === undefined ? text : formatIp(ip.length === 16 ? unmap(ip) : ip);
}

/** Whom a limit counts: an IPv4 address, or the /56 that a household has. */
function networkOf(address: string): string {
  const ip = parseIp(address);
  return ip?.length === 16 ? formatIp(Uint8Array.from(ip, (byte, index) => (index < 7 ? byte : 0))) : address;
}
