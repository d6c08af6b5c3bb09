/** The server's side of the control channel: from an HTTP upgrade to an HTTP/2 session with a known machine key. */
import type { IncomingMessage } from 'node:http';
import http2, { type ServerHttp2Session } from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { concat, utf8 } from '../bytes/bytes.ts';
import { type Accepted, respond } from '../crypto/noise-ik.ts';
import { RecordOpener, RecordSealer } from '../crypto/noise-records.ts';
import { generatePrivate, publicOf, type X25519Private } from '../crypto/x25519.ts';
import { challengeKeyFrom, type MachineKey, machineKeyFrom } from '../key/key.ts';
import { type Log, silent } from '../log/log.ts';
import { EARLY_PAYLOAD_VERSION, encodeEarlyPayload } from '../noise/early-payload.ts';
import { HANDSHAKE_HEADER, INITIATION_BYTES, UPGRADE_PROTOCOL } from '../noise/messages.ts';
import { noiseDuplex } from './noise-duplex.ts';

/** Who is at the other end; the machine key authenticates every request of the session. */
export interface Ts2021Peer {
  readonly machineKey: MachineKey;
  /** The capability version of the handshake. */
  readonly version: number;
  readonly remoteAddress: string | undefined;
}

export interface Ts2021ServerOptions {
  readonly controlKey: X25519Private;
  /** Called synchronously, before the session's first stream can arrive. */
  readonly onSession: (session: ServerHttp2Session, peer: Ts2021Peer) => void;
  /** Clients below it are told so. */
  readonly minVersion?: number;
  /** From the answered upgrade to the client's first HTTP/2 settings. */
  readonly handshakeTimeoutMs?: number;
  readonly log?: Log;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A refused client has this long to read why. */
const LINGER_MS = 2_000;
const MAX_STREAMS = 250;
const MAX_HEADER_LIST = 16 * 1_024;
const STREAM_WINDOW = 1 << 20;
// TCP finds a dead peer by itself; the map stream's keepalives are much rarer.
const TCP_KEEPALIVE_MS = 30_000;
/** Initiation in padded base64. */
const HANDSHAKE_TEXT = Math.ceil(INITIATION_BYTES / 3) * 4;

const SWITCHING = utf8(
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${UPGRADE_PROTOCOL}\r\nConnection: upgrade\r\n\r\n`,
);

/** To be called from the `upgrade` event of a node:http server; takes over the socket whatever comes of it. */
export function acceptTs2021(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: Ts2021ServerOptions,
): void {
  const log = options.log ?? silent;
  const hello = readUpgrade(request);
  if (typeof hello === 'string') {
    refuseUpgrade(socket, 400, hello);
    return;
  }
  const accepted = respond(options.controlKey, hello);
  if (accepted === undefined) {
    refuseUpgrade(
      socket,
      400,
      'the Noise handshake failed: it was not made for this server, or it was damaged',
    );
    return;
  }
  if (accepted.version < (options.minVersion ?? 0)) {
    refuseUpgrade(
      socket,
      400,
      `this client is too old: capability version ${accepted.version}, need ${options.minVersion}`,
    );
    return;
  }
  const remoteAddress = socket instanceof Socket ? socket.remoteAddress : undefined;
  const peer = {
    machineKey: machineKeyFrom(accepted.machinePublic),
    version: accepted.version,
    remoteAddress,
  };
  log('debug', 'channel.opened', { machine: peer.machineKey, version: peer.version, remoteAddress });
  options.onSession(startSession(socket, head, accepted, options), peer);
}

/** Answers an upgrade that can't be, and closes; also for callers that route by path. */
export function refuseUpgrade(socket: Duplex, status: 400 | 404 | 503, text: string): void {
  const reason = { 400: 'Bad Request', 404: 'Not Found', 503: 'Service Unavailable' }[status];
  const body = utf8(`${text}\n`);
  const answer = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.end(concat(utf8(answer), body));
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(timer));
}

/** The initiation, or what is wrong with the request in words for whoever reads proxy logs. */
function readUpgrade(request: IncomingMessage): Uint8Array | string {
  const upgrade = request.headers.upgrade;
  if (upgrade === undefined) return `no Upgrade header; want Upgrade: ${UPGRADE_PROTOCOL}`;
  if (upgrade.toLowerCase() !== UPGRADE_PROTOCOL) return `unknown upgrade; want ${UPGRADE_PROTOCOL}`;
  if (request.method !== 'POST') return 'the upgrade must be a POST request';
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'))
    return 'the upgrade must not have a body';
  const text = request.headers[HANDSHAKE_HEADER];
  if (typeof text !== 'string') return 'no X-Tailscale-Handshake header';
  const valid = text.length === HANDSHAKE_TEXT && /^[A-Za-z0-9+/]+=?$/.test(text);
  const initiation = valid ? Buffer.from(text, 'base64') : new Uint8Array(0);
  if (initiation.length !== INITIATION_BYTES) return 'the X-Tailscale-Handshake header is not an initiation';
  return initiation;
}

function startSession(
  socket: Duplex,
  head: Uint8Array,
  accepted: Accepted,
  options: Ts2021ServerOptions,
): ServerHttp2Session {
  if (socket instanceof Socket) {
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  }
  const sealer = new RecordSealer(accepted.keys.send);
  // The challenge's private half has no use yet: no client answers it.
  const early =
    accepted.version >= EARLY_PAYLOAD_VERSION
      ? sealer.seal(encodeEarlyPayload(challengeKeyFrom(publicOf(generatePrivate()))))
      : undefined;
  // One write, so that a client which expects all of it in one segment finds it there.
  socket.write(concat(SWITCHING, accepted.message, early ?? new Uint8Array(0)));
  const opener = new RecordOpener(accepted.keys.receive);
  const duplex = noiseDuplex({ socket, sealer, opener, head, expectEarly: false });
  const session = http2.performServerHandshake(duplex, {
    maxHeaderListPairs: 64,
    maxSessionInvalidFrames: 100,
    settings: {
      maxConcurrentStreams: MAX_STREAMS,
      maxHeaderListSize: MAX_HEADER_LIST,
      initialWindowSize: STREAM_WINDOW,
    },
  });
  guard(session, duplex, options);
  return session;
}

/** Ends the session with its connection, and the connection of a client that shook hands and then said nothing. */
function guard(session: ServerHttp2Session, duplex: Duplex, options: Ts2021ServerOptions): void {
  const log = options.log ?? silent;
  const timer = setTimeout(() => {
    log('debug', 'channel.silent');
    session.destroy();
    duplex.destroy();
  }, options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS);
  session.once('remoteSettings', () => clearTimeout(timer));
  session.once('close', () => {
    clearTimeout(timer);
    duplex.destroy();
  });
  session.on('error', (error) => log('debug', 'channel.broke', { error: error.message }));
  duplex.on('error', (error) => {
    log('debug', 'channel.damaged', { error: error.message });
    session.destroy();
  });
}
