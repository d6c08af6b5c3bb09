/** STUN requests on their way: matches answers to them and drops what nobody asked for. */
import { toHex } from '../bytes/hex.ts';
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import { decodeResponse, encodeRequest, TX_ID_BYTES } from '../stun/stun.ts';

/** Numbers of datagrams since the start. */
export interface StunCounters {
  readonly sent: number;
  readonly answered: number;
  /** Nobody waits for it: forged, or late for a check that has ended. */
  readonly unknown: number;
  /** A right transaction id from another address than the one asked. */
  readonly wrongSource: number;
  readonly malformed: number;
}

export type OnAnswer = (mapped: SockAddr, atMs: number) => void;

interface Waiting {
  readonly server: string;
  readonly onAnswer: OnAnswer;
}

export class Transactions {
  readonly #randomBytes: (length: number) => Uint8Array;
  readonly #waiting = new Map<string, Waiting>();
  #counters: StunCounters = { sent: 0, answered: 0, unknown: 0, wrongSource: 0, malformed: 0 };

  /** The ids must not be guessable: they are all that tells an answer from a forgery. */
  constructor(randomBytes: (length: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  get counters(): StunCounters {
    return this.#counters;
  }

  /** Requests without an answer yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** A request to send, and how to stop waiting for its answer. */
  open(server: SockAddr, onAnswer: OnAnswer): { readonly request: Uint8Array; readonly forget: () => void } {
    const txId = this.#randomBytes(TX_ID_BYTES);
    const key = toHex(txId);
    this.#waiting.set(key, { server: formatSockAddr(server), onAnswer });
    this.#count('sent');
    return { request: encodeRequest(txId), forget: () => this.#waiting.delete(key) };
  }

  /** True when it was an answer to one of ours. */
  answer(from: SockAddr, datagram: Uint8Array, atMs: number): boolean {
    const response = decodeResponse(datagram);
    if (response === undefined || response.addr.port === 0) {
      this.#count('malformed');
      return false;
    }
    const key = toHex(response.txId);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#count('unknown');
      return false;
    }
    if (waiting.server !== formatSockAddr(from)) {
      this.#count('wrongSource');
      return false;
    }
    this.#waiting.delete(key);
    this.#count('answered');
    waiting.onAnswer(response.addr, atMs);
    return true;
  }

  #count(name: keyof StunCounters): void {
    this.#counters = { ...this.#counters, [name]: this.#counters[name] + 1 };
  }
}
