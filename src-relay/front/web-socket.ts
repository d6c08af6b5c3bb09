/** The relay protocol inside WebSocket messages, as browsers need it: a byte stream cut anywhere (nat-traversal.md §1.4). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { ConnEvents, RelayConn } from '../core/conn.ts';

/** Several frames may share a message; a client with longer ones is no client of ours. */
const MAX_MESSAGE = 1_024 * 1_024;
/** Each piece costs some hundred bytes of its own, however few it has: a whole message must not come byte by byte. */
const MAX_PIECES = 4_096;
const SUBPROTOCOL = 'derp';
const POLICY_VIOLATION = 1_008;
const UNSUPPORTED_DATA = 1_003;

/** Finishes the handshake and hands over the connection; a client that can't finish it is answered and closed. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  serve: (conn: RelayConn) => void,
): void {
  // Any origin may connect: what is inside is authenticated by itself.
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE,
    maxFragments: MAX_PIECES,
    maxBufferedChunks: MAX_PIECES,
    // What is relayed is encrypted and doesn't shrink, and one browser's compression is broken.
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.handleUpgrade(request, socket, Buffer.from(head), (webSocket) => {
    // From the first moment: who is told to go, or is never let in, may still send what is no WebSocket frame.
    webSocket.on('error', ignore);
    if (webSocket.protocol === SUBPROTOCOL) serve(webSocketConn(webSocket, socket));
    else webSocket.close(POLICY_VIOLATION, 'client must speak the derp subprotocol');
  });
}

const ignore = (): void => undefined;

function webSocketConn(webSocket: WebSocket, socket: Duplex): RelayConn {
  let written = 0;
  let writtenBefore = -1;
  const onWritten = (): void => {
    written++;
  };
  return {
    start: (events) => listen(webSocket, socket, events),
    send: (bytes) => {
      if (webSocket.readyState !== WebSocket.OPEN) return true;
      webSocket.send(bytes, { binary: true }, onWritten);
      return !socket.writableNeedDrain;
    },
    isStalled: () => {
      const isStalled = webSocket.bufferedAmount > 0 && written === writtenBefore;
      writtenBefore = written;
      return isStalled;
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    end: () => webSocket.close(),
    destroy: () => webSocket.terminate(),
  };
}

function listen(webSocket: WebSocket, socket: Duplex, events: ConnEvents): void {
  let why = 'closed by the client';
  webSocket.on('message', (data, isBinary) => {
    // Without an own choice of the type a message is one Buffer.
    if (isBinary && Buffer.isBuffer(data)) events.data(data);
    else webSocket.close(UNSUPPORTED_DATA, 'binary messages only');
  });
  webSocket.on('error', (error) => {
    why = error.message;
  });
  webSocket.on('close', () => events.closed(why));
  socket.on('drain', () => events.drained());
}
