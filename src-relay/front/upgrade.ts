/** Turns `GET /derp` into a relay connection: the plain upgrade, fast start, and the WebSocket variant (nat-traversal.md §1.2 to §1.4). */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { toHex } from '#shared/bytes/hex.ts';
import { keyBytes, type NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { ConnInfo, RelayConn } from '../core/conn.ts';
import { socketConn } from '../core/socket-conn.ts';
import { sourceOf } from './source.ts';

export interface UpgradeDeps {
  readonly publicKey: NodeKey;
  readonly log: Log;
  /** Serves a connection until it ends; its first bytes go out before this returns. */
  readonly accept: (conn: RelayConn, info: ConnInfo) => Promise<void>;
  readonly counters: UpgradeCounters;
  /** Sockets that became relay connections: HTTP servers let go of them. */
  readonly open: Set<Socket>;
}

export interface UpgradeCounters {
  upgrades: number;
  fastStarts: number;
  websockets: number;
  refused: number;
}

export const upgradeCounters = (): UpgradeCounters => ({
  upgrades: 0,
  fastStarts: 0,
  websockets: 0,
  refused: 0,
});

const PROTOCOL_VERSION = 2;

const upgradeOf = (request: IncomingMessage): string => (request.headers.upgrade ?? '').toLowerCase();

/** Whether a request asks for what `upgradeRelay` can give; any other is answered like an ordinary one. */
export const wantsRelay = (request: IncomingMessage): boolean =>
  request.method === 'GET' &&
  (request.url ?? '').split('?', 1)[0] === '/derp' &&
  /^(?:derp|websocket)$/.test(upgradeOf(request));

/** Takes the socket over. `head` is what came right behind the request: with fast start the client's first frame. */
export function upgradeRelay(
  deps: UpgradeDeps,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): void {
  // Whoever resets a connection that is not read yet must not end the program.
  socket.on('error', ignore);
  deps.open.add(socket);
  socket.once('close', () => deps.open.delete(socket));
  const remote = sourceOf(request.socket);
  const isIdeal = (request.headers['ideal-node'] ?? '') === '';
  if (speaksWebSocket(request)) {
    upgradeWebSocket(deps, request, socket, head, { remote, transport: 'websocket', isIdeal });
    return;
  }
  const isFast = request.headers['derp-fast-start'] === '1';
  // The answer and the server's key in one packet.
  socket.cork();
  if (isFast) deps.counters.fastStarts++;
  else {
    deps.counters.upgrades++;
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n' +
        `Derp-Version: ${PROTOCOL_VERSION}\r\nDerp-Public-Key: ${toHex(keyBytes(deps.publicKey))}\r\n\r\n`,
      'latin1',
    );
  }
  serve(deps, socketConn(socket, head), { remote, transport: 'derp', isIdeal });
  socket.uncork();
}

/** On its own, so that what listens to the socket in `upgradeRelay` does not keep request and head for as long. */
function upgradeWebSocket(
  deps: UpgradeDeps,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  info: ConnInfo,
): void {
  deps.counters.websockets++;
  // Few relays ever see one: the library is loaded by the first.
  import('./web-socket.ts')
    .then(({ acceptWebSocket }) => acceptWebSocket(request, socket, head, (conn) => serve(deps, conn, info)))
    .catch((error: unknown) => {
      deps.log('error', 'websocket.failed', { error });
      socket.destroy();
    });
}

/** Very old clients wrote "WebSocket" and spoke plain frames: only the subprotocol tells. */
const speaksWebSocket = (request: IncomingMessage): boolean =>
  upgradeOf(request) === 'websocket' && (request.headers['sec-websocket-protocol'] ?? '').includes('derp');

const ignore = (): void => undefined;

function serve(deps: UpgradeDeps, conn: RelayConn, info: ConnInfo): void {
  deps.accept(conn, info).catch((error: unknown) => {
    deps.log('error', 'relay.connection-failed', { remote: info.remote?.ip, error });
    conn.destroy();
  });
}
