/**
 * Sockets to upstreams, each on a random port. Few questions get one each; many at a time share up to sixteen, which live for
 * two seconds: opening one costs more than all the rest of a question.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { UdpExchange } from './types.ts';

export interface ExchangeHandlers {
  readonly receive: (datagram: Uint8Array) => void;
  readonly failed: (error: Error) => void;
}

/** Opens a socket that hears of its server alone. */
export type OpenConnected = (to: SockAddr, mark: boolean) => Promise<Socket>;

const MAX_SHARED = 16;
const LIFE_MS = 2_000;
/** Of one socket: the more, the longer somebody who guesses has one port to guess at. */
const MAX_QUESTIONS = 256;

interface Shared {
  readonly opening: Promise<Socket>;
  readonly users: Set<ExchangeHandlers>;
  asked: number;
  isRetired: boolean;
  socket: Socket | undefined;
}

export class UdpPool {
  readonly #open: OpenConnected;
  readonly #clock: Clock;
  readonly #pools = new Map<string, Shared[]>();

  constructor(open: OpenConnected, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Handlers hear of all datagrams on their socket, also of answers to others' questions. */
  async exchange(to: SockAddr, mark: boolean, handlers: ExchangeHandlers): Promise<UdpExchange> {
    const key = `${to.ip} ${to.port} ${mark}`;
    const shared = this.#pick(key, to, mark);
    shared.users.add(handlers);
    // Only now: an unused socket would be closed under this question.
    if (++shared.asked >= MAX_QUESTIONS) this.#retire(key, shared);
    const leave = (): void => {
      if (shared.users.delete(handlers)) closeUnused(shared);
    };
    try {
      const socket = await shared.opening;
      return {
        send: (datagram) =>
          socket.send(datagram, (error) => {
            if (error !== null && shared.users.has(handlers)) handlers.failed(error);
          }),
        [Symbol.dispose]: leave,
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  #pick(key: string, to: SockAddr, mark: boolean): Shared {
    const pool = this.#pools.get(key) ?? [];
    this.#pools.set(key, pool);
    const known = pool.length < MAX_SHARED ? undefined : pool[randomInt(pool.length)];
    return known ?? this.#add(key, pool, to, mark);
  }

  #add(key: string, pool: Shared[], to: SockAddr, mark: boolean): Shared {
    const opening = this.#open(to, mark);
    const shared: Shared = { opening, users: new Set(), asked: 0, isRetired: false, socket: undefined };
    pool.push(shared);
    const cancel = this.#clock.after(LIFE_MS, () => this.#retire(key, shared));
    const broken = (error: Error): void => {
      cancel();
      this.#retire(key, shared);
      for (const { failed } of [...shared.users]) failed(error);
    };
    opening.then((socket) => {
      shared.socket = socket;
      socket.on('message', (datagram: Uint8Array) => {
        for (const { receive } of shared.users) receive(datagram);
      });
      socket.on('error', broken);
      socket.once('close', cancel);
      closeUnused(shared);
    }, broken);
    return shared;
  }

  #retire(key: string, shared: Shared): void {
    shared.isRetired = true;
    const left = (this.#pools.get(key) ?? []).filter((one) => one !== shared);
    if (left.length === 0) this.#pools.delete(key);
    else this.#pools.set(key, left);
    closeUnused(shared);
  }
}

function closeUnused(shared: Shared): void {
  if (!shared.isRetired || shared.users.size > 0) return;
  shared.socket?.close();
  shared.socket = undefined;
}
