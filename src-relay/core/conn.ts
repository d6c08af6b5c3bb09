/** A byte stream as the relay core sees it: the connection of one client, whatever carries it. */
import type { Buffer } from 'node:buffer';
import type { SockAddr } from '#shared/ip/address.ts';

/** What a connection tells the core. `closed` comes once and last. */
export interface ConnEvents {
  /**
   * Bytes in order. The chunk belongs to the core from here on: packets are forwarded by rewriting their header in place,
   * so nobody else may look at it again. A Buffer, because a key is looked up by its text and only Buffer reads that fast.
   */
  data(chunk: Buffer): void;
  /** The system has taken all that was sent; comes only after a `send` that returned false. */
  drained(): void;
  closed(why: string): void;
}

/** The core never sends while the last `send` said false, so what a connection holds is bounded by one batch. */
export interface RelayConn {
  /** Called once, first; bytes that arrived before (fast start) are delivered then. */
  start(events: ConnEvents): void;
  /** Takes the bytes, which belong to the connection now; false when `drained` has to come before the next call. */
  send(bytes: Uint8Array): boolean;
  /** True when something waits to be sent and the system has taken nothing at all since the last call. */
  isStalled(): boolean;
  /** No more `data` for now, so that the other end's TCP slows down; a chunk already under way may still come. */
  pause(): void;
  resume(): void;
  /** Ends after what was sent has left. */
  end(): void;
  /** Ends now. */
  destroy(): void;
}

export type Transport = 'derp' | 'websocket';

/** What the front knows of a connection. */
export interface ConnInfo {
  readonly remote: SockAddr | undefined;
  readonly transport: Transport;
  /** False when the client said that it would rather be on another node of the region (`Ideal-Node`). */
  readonly isIdeal: boolean;
}
