/** A connection in memory for tests of the relay: the client's end can stop reading, cut the stream anywhere, and leave. */
import { Buffer } from 'node:buffer';
import type { ConnEvents, RelayConn } from '../conn.ts';

/** The relay's end is this; the test holds the client's end. */
export class Wire implements RelayConn {
  /** What the relay has sent, in pieces as it sent them. */
  readonly received: Uint8Array[] = [];
  isPaused = false;
  isDestroyed = false;
  isEnded = false;
  /** Takes what is sent, and nobody reads it. */
  hasStalled = false;
  #isFull = false;
  #isReading = true;
  #events: ConnEvents | undefined;
  #early: Buffer[] = [];

  start(events: ConnEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) events.data(chunk);
  }

  send(bytes: Uint8Array): boolean {
    if (this.#isFull) throw new Error('sent while full');
    // A copy: what the relay does with its buffers later must not change what was read.
    this.received.push(Uint8Array.from(bytes));
    this.#isFull = !this.#isReading;
    return this.#isReading;
  }

  isStalled(): boolean {
    return this.hasStalled;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  /** From the client; the relay may write into its copy. */
  write(bytes: Uint8Array): void {
    if (this.isDestroyed) return;
    const chunk = Buffer.from(bytes);
    if (this.#events === undefined) this.#early.push(chunk);
    else this.#events.data(chunk);
  }

  /** The relay's next batch is taken, and no more after it. */
  stopReading(): void {
    this.#isReading = false;
  }

  read(): void {
    this.#isReading = true;
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events?.drained();
  }

  leave(why = 'left'): void {
    this.#events?.closed(why);
  }
}
