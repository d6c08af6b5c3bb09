/** A simulated network of hosts with addresses, delay, loss, reordering and duplication, under a handed-in clock. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { SocketFactory, UdpSocket } from '../engine/types.ts';

export interface WireConditions {
  /** One way. */
  delayMs: number;
  /** Probabilities in [0, 1]. */
  loss: number;
  duplicate: number;
  /** Of a datagram to take `reorderMs` longer. */
  reorder: number;
  reorderMs: number;
}

export interface WireDatagram {
  readonly from: SockAddr;
  readonly to: SockAddr;
  readonly data: Uint8Array;
}

/** Sees every datagram before it travels; gives false to swallow it. */
export type WireTap = (datagram: WireDatagram) => boolean;

type Receive = (from: SockAddr, data: Uint8Array) => void;

const FIRST_PORT = 40_000;

export class SimulatedWire {
  readonly conditions: WireConditions = { delayMs: 1, loss: 0, duplicate: 0, reorder: 0, reorderMs: 20 };
  tap: WireTap | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ports = new Map<string, Receive>();
  #nextPort = FIRST_PORT;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  host(addresses: { readonly v4?: string; readonly v6?: string }): WireHost {
    return new WireHost(this, addresses);
  }

  /** Puts a datagram on the wire as if `from` had sent it. */
  send(from: SockAddr, to: SockAddr, data: Uint8Array): void {
    const copy = new Uint8Array(data);
    if (this.tap?.({ from, to, data: copy }) === false) return;
    if (this.#random() < this.conditions.loss) return;
    this.#carry(from, to, copy);
    if (this.#random() < this.conditions.duplicate) this.#carry(from, to, copy);
  }

  bind(address: SockAddr, receive: Receive): number {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    const key = keyOf({ ip: address.ip, port });
    if (this.#ports.has(key)) throw new RhumbError('conflict', `bind ${key}: another program uses it`);
    this.#ports.set(key, receive);
    return port;
  }

  unbind(address: SockAddr): void {
    this.#ports.delete(keyOf(address));
  }

  #carry(from: SockAddr, to: SockAddr, data: Uint8Array): void {
    const late = this.#random() < this.conditions.reorder ? this.conditions.reorderMs : 0;
    this.#clock.after(this.conditions.delayMs + late, () => {
      // The receiver gets an array of its own: it may decrypt in place.
      this.#ports.get(keyOf(to))?.(from, new Uint8Array(data));
    });
  }
}

/** A machine on the wire. Its addresses may change while its sockets stay open. */
export class WireHost {
  readonly #wire: SimulatedWire;
  readonly #open = new Set<{ readonly family: 4 | 6; readonly port: number; readonly receive: Receive }>();
  #addresses: { readonly v4?: string; readonly v6?: string };

  constructor(wire: SimulatedWire, addresses: { readonly v4?: string; readonly v6?: string }) {
    this.#wire = wire;
    this.#addresses = addresses;
  }

  readonly sockets: SocketFactory = {
    open: ({ family, port, receive }) => {
      const ip = this.#ip(family);
      if (ip === undefined)
        return Promise.reject(new RhumbError('unavailable', `this host has no IPv${family}`));
      try {
        const given = this.#wire.bind({ ip, port }, receive);
        const opened = { family, port: given, receive };
        this.#open.add(opened);
        return Promise.resolve(this.#socket(opened));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };

  /** The host is elsewhere now; what is on its way to the old address is lost. */
  move(addresses: { readonly v4?: string; readonly v6?: string }): void {
    for (const { family, port } of this.#open) {
      const ip = this.#ip(family);
      if (ip !== undefined) this.#wire.unbind({ ip, port });
    }
    this.#addresses = addresses;
    for (const { family, port, receive } of this.#open) {
      const ip = this.#ip(family);
      if (ip !== undefined) this.#wire.bind({ ip, port }, receive);
    }
  }

  #ip(family: 4 | 6): string | undefined {
    return family === 4 ? this.#addresses.v4 : this.#addresses.v6;
  }

  #socket(opened: { readonly family: 4 | 6; readonly port: number; readonly receive: Receive }): UdpSocket {
    return {
      port: opened.port,
      send: (to, data) => {
        const ip = this.#ip(opened.family);
        if (ip !== undefined) this.#wire.send({ ip, port: opened.port }, to, data);
      },
      close: () => {
        const ip = this.#ip(opened.family);
        if (this.#open.delete(opened) && ip !== undefined) this.#wire.unbind({ ip, port: opened.port });
        return Promise.resolve();
      },
    };
  }
}

const keyOf = (address: SockAddr): string => `${address.ip} ${address.port}`;

/** A small seeded generator (mulberry32): the same seed gives the same weather. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
