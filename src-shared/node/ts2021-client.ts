/** The client's side of the control channel: dials a control server and gives an HTTP/2 session (control-protocol.md §3). */
import http from 'node:http';
import http2, { type ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import { isIP, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../async/clock.ts';
import { concat } from '../bytes/bytes.ts';
import { type Initiator, initiate, type SessionKeys } from '../crypto/noise-ik.ts';
import { RecordOpener, RecordSealer } from '../crypto/noise-records.ts';
import type { X25519Private } from '../crypto/x25519.ts';
import { RhumbError } from '../errors.ts';
import { keyBytes, type MachineKey } from '../key/key.ts';
import { dialPorts } from '../noise/dial-ports.ts';
import { HANDSHAKE_HEADER, splitFirstMessage, UPGRADE_PATH, UPGRADE_PROTOCOL } from '../noise/messages.ts';
import { CAPABILITY_VERSION } from '../wire/capability.ts';
import { type Connect, carriedBy, hostOf } from './carried.ts';
import { dialError } from './control-key.ts';
import { type Raced, raceDial, type Via } from './dial-race.ts';
import { noiseDuplex } from './noise-duplex.ts';

export interface Ts2021DialOptions {
  readonly serverUrl: URL;
  readonly controlKey: MachineKey;
  readonly machine: X25519Private;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly version?: number;
  /** Skip plain HTTP where there is a TLS port: the last channel lived less than two minutes (§3.2 step 3). */
  readonly preferTls?: boolean;
  readonly timeoutMs?: number;
  /** Where connections come from; the system's by default. */
  readonly connect?: Connect | undefined;
}

/** An open channel. Disposing ends it and everything on it. */
export interface Ts2021Session extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly via: Via;
  /** The local address of the connection, for endpoint discovery and logs. */
  readonly localAddress: string | undefined;
  /** Resolves when the session is over, with the reason if there is one. */
  readonly closed: Promise<Error | undefined>;
}

const DIAL_TIMEOUT_MS = 10_000;
const STREAM_WINDOW = 4 << 20;
// Wide, so that a map stream nobody reads for a while does not hold up the other streams.
const CONNECTION_WINDOW = 256 << 20;
const SESSION_MEMORY_MB = 64;
const TCP_KEEPALIVE_MS = 30_000;
const MAX_HEAD = 16 * 1_024;

interface Shaken extends Raced {
  readonly socket: Duplex;
  readonly keys: SessionKeys;
  readonly head: Uint8Array;
  readonly via: Via;
}

/** Rejects with one RhumbError that names the server, or with the signal's reason. */
export async function dialTs2021(options: Ts2021DialOptions): Promise<Ts2021Session> {
  const stop = new AbortController();
  const limit = AbortSignal.timeout(options.timeoutMs ?? DIAL_TIMEOUT_MS);
  const signal = AbortSignal.any([options.signal, limit, stop.signal]);
  try {
    const race = {
      ports: dialPorts(options.serverUrl),
      asked: options.serverUrl.protocol === 'https:' ? 'https' : 'http',
      preferTls: options.preferTls === true,
      clock: options.clock,
      attempt: (via: Via, port: number, inner: AbortSignal) => attempt(via, port, options, inner),
    } as const;
    return openSession(await raceDial(race, signal));
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof RhumbError) throw error;
    throw dialError(options.serverUrl, limit.aborted ? limit.reason : error);
  } finally {
    // Ends the attempt that lost; an upgraded socket no longer listens to it.
    stop.abort();
  }
}

/** One connection with its own fresh initiation, up to the verified response. */
async function attempt(
  via: Via,
  port: number,
  options: Ts2021DialOptions,
  signal: AbortSignal,
): Promise<Shaken> {
  const initiator = initiate({
    machine: options.machine,
    controlPublic: keyBytes(options.controlKey),
    version: options.version ?? CAPABILITY_VERSION,
  });
  const { socket, head } = await upgrade(via, port, initiator, options, signal);
  try {
    const first = await readFirst(socket, head, options.serverUrl, signal);
    const keys = initiator.finish(first.message);
    if (keys === undefined)
      throw refused(options.serverUrl, 'the Noise handshake failed; its key may have changed');
    return { socket, keys, head: first.rest, via, close: () => socket.destroy() };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

const refused = (server: URL, why: string): RhumbError =>
  new RhumbError('protocol', `control server ${server.origin}: ${why}`);

async function upgrade(
  via: Via,
  port: number,
  initiator: Initiator,
  { serverUrl: server, connect }: Pick<Ts2021DialOptions, 'serverUrl' | 'connect'>,
  signal: AbortSignal,
): Promise<{ socket: Duplex; head: Uint8Array }> {
  const host = hostOf(server);
  // The handshake authenticates the server, so a certificate decides nothing here (§3.2 step 5).
  const tls = {
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    servername: isIP(host) ? '' : host,
  };
  const carried = await carriedBy(connect, { host, port }, via === 'https' ? tls : undefined, signal);
  const common = {
    host,
    port,
    path: UPGRADE_PATH,
    method: 'POST',
    signal,
    ...carried,
    maxHeaderSize: MAX_HEAD,
    headers: {
      host: server.host,
      upgrade: UPGRADE_PROTOCOL,
      connection: 'upgrade',
      'content-length': '0',
      [HANDSHAKE_HEADER]: Buffer.from(initiator.message).toString('base64'),
    },
  };
  return new Promise((resolve, reject) => {
    const request = via === 'https' ? https.request({ ...common, ...tls }) : http.request(common);
    request.on('upgrade', (response, socket, head) => {
      if (response.headers.upgrade === UPGRADE_PROTOCOL) {
        resolve({ socket, head });
        return;
      }
      socket.destroy();
      reject(refused(server, 'POST /ts2021 switched to another protocol'));
    });
    request.on('response', (response) => {
      response.destroy();
      reject(refused(server, `POST /ts2021 answered ${response.statusCode}, not a control channel`));
    });
    request.on('error', reject);
    request.end();
  });
}

/** Reads up to the end of the handshake's response, wherever TCP cut it. */
function readFirst(
  socket: Duplex,
  head: Uint8Array,
  server: URL,
  signal: AbortSignal,
): Promise<{ message: Uint8Array; rest: Uint8Array }> {
  return new Promise((resolve, reject) => {
    let held = head;
    const end = (error: unknown): void => {
      clean();
      reject(error);
    };
    const look = (): void => {
      const first = splitFirstMessage(held);
      if (first.kind === 'more') return;
      clean();
      if (first.kind === 'response') resolve(first);
      else if (first.kind === 'refused')
        reject(refused(server, `refused: ${first.text} (not authenticated)`));
      else reject(refused(server, 'its Noise handshake is malformed'));
    };
    const onData = (chunk: Uint8Array): void => {
      held = concat(held, chunk);
      look();
    };
    const onEnd = (): void => end(refused(server, 'closed the connection instead of shaking hands'));
    const onAbort = (): void => end(signal.reason);
    const clean = (): void => {
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', end);
      signal.removeEventListener('abort', onAbort);
    };
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', end);
    look();
  });
}

function openSession(shaken: Shaken): Ts2021Session {
  const { socket, keys, head, via } = shaken;
  if (socket instanceof Socket) {
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  }
  const duplex = noiseDuplex({
    socket,
    sealer: new RecordSealer(keys.send),
    opener: new RecordOpener(keys.receive),
    head,
    expectEarly: true,
  });
  const session = http2.connect('https://unused', {
    createConnection: () => duplex,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
  });
  session.on('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW);
  });
  let reason: Error | undefined;
  const note = (error: Error): void => {
    reason ??= error;
  };
  session.on('error', note);
  duplex.on('error', (error) => {
    note(error);
    session.destroy(error);
  });
  const closed = new Promise<Error | undefined>((resolve) => {
    session.once('close', () => {
      duplex.destroy();
      resolve(reason);
    });
  });
  return {
    session,
    via,
    localAddress: socket instanceof Socket ? socket.localAddress : undefined,
    closed,
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      duplex.destroy();
      await closed;
    },
  };
}
