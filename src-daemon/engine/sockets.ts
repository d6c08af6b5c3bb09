/** The two underlay sockets on one port, over any SocketFactory: opening, sending by family, rebinding. */
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { SocketFactory, UdpSocket } from './types.ts';

export interface SocketEvents {
  receive(from: SockAddr, datagram: Uint8Array): void;
  /** A datagram could not be sent. */
  sendFailed(to: SockAddr, code: string): void;
  /** A socket is dead. */
  dead(error: Error): void;
}

export interface Binding {
  readonly port: number;
  readonly mark: number | undefined;
  readonly dontFragment: boolean;
}

/** With port 0 the second family may find the first one's port taken; then another is tried. */
const PICK_ATTEMPTS = 8;

export class UdpSockets {
  readonly #factory: SocketFactory;
  readonly #events: SocketEvents;
  readonly #log: Log;
  #v4: UdpSocket | undefined;
  #v6: UdpSocket | undefined;
  /** Opening and closing take turns, in the order in which they were asked for. */
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(factory: SocketFactory, events: SocketEvents, log: Log) {
    this.#factory = factory;
    this.#events = events;
    this.#log = log;
  }

  get port(): number {
    return this.#v4?.port ?? this.#v6?.port ?? 0;
  }

  /** False when there is no socket of that family. */
  send(to: SockAddr, datagram: Uint8Array): boolean {
    const socket = to.ip.includes(':') ? this.#v6 : this.#v4;
    if (socket === undefined) return false;
    socket.send(to, datagram);
    return true;
  }

  /** Replaces both sockets. A port that stays the same has to be given up first. */
  bind(binding: Binding): Promise<void> {
    const done = this.#turn.then(() => this.#bind(binding));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#turn = this.#turn.then(() => this.#closeBoth());
    return this.#turn;
  }

  async #bind(binding: Binding): Promise<void> {
    if (this.#isClosed) return;
    if (binding.port !== 0 && binding.port === this.port) await this.#closeBoth();
    const [v4, v6] = await this.#open(binding);
    const old = [this.#v4, this.#v6];
    this.#v4 = v4;
    this.#v6 = v6;
    await Promise.all(old.map((socket) => socket?.close()));
  }

  async #open(binding: Binding): Promise<readonly [UdpSocket | undefined, UdpSocket | undefined]> {
    for (let attempt = 1; ; attempt++) {
      const v4 = await this.#tryOpen(4, binding);
      const port = v4 instanceof RhumbError ? binding.port : v4.port;
      const v6 = await this.#tryOpen(6, { ...binding, port });
      if (v4 instanceof RhumbError) {
        // IPv4 is there on every host we know; only where it is missing altogether IPv6 alone will do.
        if (v6 instanceof RhumbError || v4.code !== 'unavailable') {
          if (!(v6 instanceof RhumbError)) await v6.close();
          throw v4;
        }
        return [undefined, v6];
      }
      if (!(v6 instanceof RhumbError)) return [v4, v6];
      if (v6.code !== 'conflict') {
        this.#log('info', 'socket.no-ipv6', { why: v6.message });
        return [v4, undefined];
      }
      await v4.close();
      if (binding.port !== 0 || attempt >= PICK_ATTEMPTS) throw v6;
    }
  }

  async #tryOpen(family: 4 | 6, binding: Binding): Promise<UdpSocket | RhumbError> {
    try {
      return await this.#factory.open({
        family,
        port: binding.port,
        mark: binding.mark,
        dontFragment: binding.dontFragment,
        receive: (from, datagram) => this.#events.receive(from, datagram),
        sendFailed: (to, code) => this.#events.sendFailed(to, code),
        failed: (error) => this.#events.dead(error),
      });
    } catch (error) {
      return toRhumbError(error);
    }
  }

  async #closeBoth(): Promise<void> {
    const old = [this.#v4, this.#v6];
    this.#v4 = undefined;
    this.#v6 = undefined;
    await Promise.all(old.map((socket) => socket?.close()));
  }
}
