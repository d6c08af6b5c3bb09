/** Every UDP socket that TypeScript holds for an engine, as one: the pair for all traffic, and extra ones (data-plane.md §2.17). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { ExtraSockets } from './extra-sockets.ts';
import { type Binding, UdpSockets } from './sockets.ts';
import type { EngineOp, SocketFactory, SocketId } from './types.ts';

export interface SocketsEvents {
  receive(from: SockAddr, datagram: Uint8Array, via: SocketId): void;
  /** A datagram could not be sent. */
  sendFailed(to: SockAddr, code: string, via: SocketId): void;
  /** An extra socket could not be opened, or died. */
  extraGone(via: SocketId, code: string): void;
  /** The others did not survive, or could not be opened anew. */
  dead(error: Error): void;
}

export class AllSockets {
  readonly #main: UdpSockets;
  readonly #extras: ExtraSockets;
  readonly #events: SocketsEvents;
  #binding: Binding;

  constructor(factory: SocketFactory, binding: Binding, events: SocketsEvents, clock: Clock, log: Log) {
    this.#binding = binding;
    this.#events = events;
    this.#main = new UdpSockets(
      factory,
      {
        receive: (from, datagram) => events.receive(from, datagram, 0),
        sendFailed: (to, code) => events.sendFailed(to, code, 0),
        dead: (error) => events.dead(error),
      },
      log,
    );
    this.#extras = new ExtraSockets(
      factory,
      {
        receive: (from, datagram, via) => events.receive(from, datagram, via),
        sendFailed: (to, code, via) => events.sendFailed(to, code, via),
        gone: (via, code) => events.extraGone(via, code),
      },
      clock,
    );
  }

  get port(): number {
    return this.#main.port;
  }

  bind(): Promise<void> {
    return this.#main.bind(this.#binding);
  }

  /** False when there is no such socket. */
  send(to: SockAddr, datagram: Uint8Array, via: SocketId): boolean {
    return via === 0 ? this.#main.send(to, datagram) : this.#extras.send(via, to, datagram);
  }

  /** What of an operation concerns sockets; the engine sees to the rest. */
  follow(op: EngineOp): void {
    switch (op.op) {
      case 'bind':
        this.#binding = {
          port: op.port,
          mark: op.mark ?? this.#binding.mark,
          dontFragment: op.dontFragment ?? this.#binding.dontFragment,
        };
        this.bind().catch((error: unknown) => this.#events.dead(toRhumbError(error)));
        return;
      case 'socket-open': {
        const { mark, dontFragment } = this.#binding;
        this.#extras.open(op.socket, { family: op.family, mark, dontFragment });
        return;
      }
      case 'socket-close':
        this.#extras.closeOne(op.socket);
        return;
      case 'path-set':
        if (op.path.via !== undefined && op.path.via !== 0) this.#extras.grow(op.path.via);
        return;
      default:
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#main.close(), this.#extras.close()]);
  }
}
