/** One request of a connection after the other: who sends many without reading the answers must not have us make them all. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Programs that don't wait for answers are rare, and send a few at most. */
const MAX_WAITING = 8;

export class Turns {
  /** Requests of each connection that wait for the one under way; absent while there is none. */
  readonly #waiting = new WeakMap<Duplex, (() => void)[]>();

  /** Whether a request of this connection is not answered yet. */
  isTaken(socket: Duplex): boolean {
    return this.#waiting.has(socket);
  }

  /** Runs `work` once everything before it on this connection is answered; its own turn ends with its response. */
  take(socket: Duplex, response: ServerResponse, work: () => void): void {
    const waiting = this.#waiting.get(socket);
    const run = (): void => {
      response.once('close', () => this.#next(socket));
      work();
    };
    if (waiting === undefined) {
      this.#waiting.set(socket, []);
      run();
    } else if (waiting.length < MAX_WAITING) {
      waiting.push(run);
    } else {
      socket.destroy();
    }
  }

  #next(socket: Duplex): void {
    const next = socket.destroyed ? undefined : this.#waiting.get(socket)?.shift();
    if (next === undefined) this.#waiting.delete(socket);
    else next();
  }
}
