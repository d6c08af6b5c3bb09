/** `dial`: a stream to a machine of the network over the socket's own connection (localapi-and-daemon.md §2.2). */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { formatSockAddr, parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import type { Call } from './call.ts';
import { resolveHost } from './name-lookup.ts';
import { sendText } from './reply.ts';

export const DIAL_PROTOCOL = 'ts-dial';

interface Target {
  readonly host: string;
  readonly port: number;
  readonly isUdp: boolean;
}

export async function dial(call: Call): Promise<void> {
  const { response, upgrade, request, signal } = call;
  if (upgrade === undefined || !(request.headers.connection ?? '').includes('upgrade')) {
    sendText(response, 'bad ts-dial upgrade', 400);
    return;
  }
  const target = targetOf(request.headers);
  if (target === undefined) {
    sendText(response, 'missing Dial-Host or Dial-Port header', 400);
    return;
  }
  const plan = await step('resolve failure', () => planOf(call, target));
  if (!plan.isOurs) {
    response.writeHead(200, {
      'Dial-Self': 'true',
      'Dial-Addr': formatSockAddr(plan.first),
      'Content-Length': 0,
    });
    response.end();
    return;
  }
  const far = await step('dial failure', () => open(plan.addresses, target, signal));
  splice(call, upgrade, far);
}

/** Failures of a step are the gateway's, under its name. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new DialError(`${what}: ${toRhumbError(error).message}`, { cause: error });
  }
}

/** Answered with 502. */
export class DialError extends RhumbError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
  }
}

const MAX_HOST = 255;

function targetOf(headers: Call['request']['headers']): Target | undefined {
  const one = (name: string): string => {
    const value = headers[name];
    return typeof value === 'string' ? value.trim() : '';
  };
  const host = one('dial-host').replace(/^\[(.*)\]$/, '$1');
  const portText = one('dial-port');
  if (host === '' || portText === '') return undefined;
  if (host.length > MAX_HOST) throw new DialError('resolve failure: the name is too long');
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535)
    throw new DialError(`resolve failure: ${JSON.stringify(portText.slice(0, 32))} is no port`);
  const network = one('dial-network') === '' ? 'tcp' : one('dial-network');
  if (!/^(tcp|udp)[46]?$/.test(network))
    throw new DialError(`resolve failure: unknown network ${JSON.stringify(network.slice(0, 32))}`);
  return { host, port, isUdp: network.startsWith('udp') };
}

interface Plan {
  readonly first: { readonly ip: string; readonly port: number };
  /** Whether the way there is through the tunnel; else the caller goes there with its own rights. */
  readonly isOurs: boolean;
  /** Those beyond the tunnel: whoever names a host may put any other address beside them. */
  readonly addresses: readonly string[];
}

async function planOf({ backend }: Call, { host, port }: Target): Promise<Plan> {
  const addresses = await resolveHost(backend.map, host);
  const [first] = addresses;
  if (first === undefined) throw new RhumbError('not-found', `no such host ${host}`);
  const plane = backend.wishedPlane;
  const tunnelled = addresses.filter((ip) => isTunnelled(plane, ip));
  return { first: { ip: first, port }, isOurs: tunnelled[0] === first, addresses: tunnelled };
}

/** By the longest of the prefixes that go into the tunnel and of those that are kept out of it. */
export function isTunnelled(
  plane: { readonly routes: readonly string[]; readonly localRoutes: readonly string[] } | undefined,
  address: string,
): boolean {
  const ip = parseIp(address);
  if (plane === undefined || ip === undefined) return false;
  const longest = (prefixes: readonly string[]): number =>
    prefixes.reduce((best, text) => {
      const prefix = parsePrefix(text);
      return prefix !== undefined && prefixContains(prefix, ip) ? Math.max(best, prefix.bits) : best;
    }, -1);
  const inside = longest(plane.routes);
  return inside >= 0 && inside > longest(plane.localRoutes);
}

/** One address after the other: those of a machine lead to the same one, and a dead family fails at once. */
async function open(addresses: readonly string[], target: Target, signal: AbortSignal): Promise<Duplex> {
  let failure: unknown;
  for (const ip of addresses) {
    try {
      return await (target.isUdp ? openUdp(ip, target.port) : openTcp(ip, target.port, signal));
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
    }
  }
  throw failure;
}

const CONNECT_TIMEOUT_MS = 30_000;

function openTcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  const stop = (): void => void socket.destroy(toRhumbError(limit.reason));
  limit.addEventListener('abort', stop, { once: true });
  const settled = (): void => limit.removeEventListener('abort', stop);
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  promise.then(settled, settled);
  return promise;
}

/** Each piece written is one datagram, and the other way round. */
async function openUdp(host: string, port: number): Promise<Duplex> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const connected = Promise.withResolvers<void>();
  socket.once('error', connected.reject);
  socket.connect(port, host, () => connected.resolve());
  try {
    await connected.promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => socket.send(chunk, (error) => done(error)),
    final: (done) => done(),
    destroy: (error, done) => {
      socket.close(() => done(error));
    },
  });
  socket.on('message', (message) => stream.push(message));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}

/** Bytes both ways; the end of either direction ends both (§2.2), and so does the end of the daemon. */
function splice(
  { response, signal }: Call,
  { socket, head }: NonNullable<Call['upgrade']>,
  far: Duplex,
): void {
  const end = (): void => {
    signal.removeEventListener('abort', end);
    far.destroy();
    socket.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  far.on('error', end);
  socket.on('error', end);
  far.once('close', end);
  socket.once('close', end);
  if (signal.aborted || socket.destroyed) {
    end();
    return;
  }
  // The reply is written by hand: the HTTP machinery lets go of the socket first.
  const lines = ['HTTP/1.1 101 Switching Protocols', `Upgrade: ${DIAL_PROTOCOL}`, 'Connection: upgrade'];
  for (const [name, value] of Object.entries(response.getHeaders())) lines.push(`${name}: ${value}`);
  response.detachSocket(socket as Socket);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) far.write(head);
  // The end of one side is all that is seen of a client that has gone, too: what is under way goes out, then both close.
  socket.once('finish', end);
  far.once('finish', end);
  far.pipe(socket);
  socket.pipe(far);
}
