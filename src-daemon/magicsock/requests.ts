/** Pings that a user waits for. */
import { RhumbError } from '#shared/errors.ts';
import type { Target } from './path-types.ts';
import type { PeerId, PingAnswer } from './types.ts';

interface Waiting {
  readonly peer: PeerId;
  resolve(answer: PingAnswer): void;
  reject(error: unknown): void;
}

export class Requests {
  readonly #waiting = new Map<number, Waiting>();
  #nextTicket = 1;

  /** `start` sends the pings that bear the ticket; the first answer to any of them counts. */
  async wait(peer: PeerId, signal: AbortSignal, start: (ticket: number) => void): Promise<PingAnswer> {
    signal.throwIfAborted();
    const ticket = this.#nextTicket++;
    const { promise, resolve, reject } = Promise.withResolvers<PingAnswer>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.set(ticket, { peer, resolve, reject });
    try {
      start(ticket);
      return await promise;
    } finally {
      this.#waiting.delete(ticket);
      signal.removeEventListener('abort', abort);
    }
  }

  answered(ticket: number, from: Target, latencyMs: number): void {
    const answer =
      from.kind === 'udp' ? { endpoint: from.addr, latencyMs } : { region: from.region, latencyMs };
    this.#waiting.get(ticket)?.resolve(answer);
  }

  failed(ticket: number, error: RhumbError): void {
    this.#waiting.get(ticket)?.reject(error);
  }

  left(peer: PeerId): void {
    for (const waiting of this.#waiting.values())
      if (waiting.peer === peer) waiting.reject(new RhumbError('not-found', 'the machine left the network'));
  }
}
