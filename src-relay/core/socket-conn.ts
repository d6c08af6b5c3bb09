/** TCP and TLS sockets as connections of the relay core. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ConnEvents, RelayConn } from './conn.ts';

/**
 * What may be under way in a TLS socket: its writes are only done when the event loop has gone round, even if the kernel
 * took all at once.
 */
const TLS_WINDOW_BYTES = 128 * 1024;
/** As the official relay: a probe now and then; what counts is the write deadline (nat-traversal.md §1.10). */
const TCP_KEEPALIVE_MS = 600_000;

/** `head` is what came together with the HTTP request (fast start) or with its answer. */
export function socketConn(socket: Socket, head: Uint8Array = new Uint8Array(0)): RelayConn {
  return new SocketConn(socket, head);
}

class SocketConn implements RelayConn {
  readonly #socket: Socket;
  readonly #window: number;
  #head: Uint8Array | undefined;
  #events: ConnEvents | undefined;
  #isWaiting = false;
  /** Writes that are done, and how many they were when last asked. */
  #written = 0;
  #writtenBefore = -1;
  readonly #onWritten = (): void => {
    this.#written++;
    if (!this.#isWaiting || this.#socket.writableLength >= this.#window) return;
    this.#isWaiting = false;
    this.#events?.drained();
  };

  constructor(socket: Socket, head: Uint8Array) {
    this.#socket = socket;
    this.#head = head;
    this.#window = socket instanceof TLSSocket ? TLS_WINDOW_BYTES : 1;
  }

  start(events: ConnEvents): void {
    const socket = this.#socket;
    this.#events = events;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    let why = 'closed by the other end';
    socket.on('error', (error) => {
      why = error.message;
    });
    // The other end has nothing more to say, and without it there is nothing to do here.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => events.closed(why));
    socket.on('data', (chunk: Buffer) => events.data(chunk));
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined && head.length > 0)
      events.data(Buffer.from(head.buffer, head.byteOffset, head.length));
    if (socket.destroyed) events.closed(why);
  }

  send(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    socket.write(bytes, this.#onWritten);
    if (socket.writableLength < this.#window) return true;
    this.#isWaiting = true;
    return false;
  }

  isStalled(): boolean {
    const isStalled = this.#socket.writableLength > 0 && this.#written === this.#writtenBefore;
    this.#writtenBefore = this.#written;
    return isStalled;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
