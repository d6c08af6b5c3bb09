/** Extra UDP sockets on ports of the system's choice, for NATs that map each destination anew (nat-traversal.md §11.4). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { SocketFactory, SocketId, UdpSocket } from './types.ts';

export interface ExtraSocketEvents {
  receive(from: SockAddr, datagram: Uint8Array, via: SocketId): void;
  sendFailed(to: SockAddr, code: string, via: SocketId): void;
  /** It could not be opened or died; its number is free again. */
  gone(via: SocketId, code: string): void;
}

export interface ExtraSocketOptions {
  readonly family: 4 | 6;
  readonly mark: number | undefined;
  readonly dontFragment: boolean;
}

/** Hundreds of these are open at once, nearly all of them only to hear one probe. */
const BUFFER_BYTES = 256 * 1024;
/** Opening takes system calls that packets have to wait for: so many in one go, then a pause. */
const OPENED_AT_ONCE = 16;
const PAUSE_MS = 1;
/** What may be sent before a socket is there: a probe and a handshake message, and a few more. */
const MAX_WAITING = 4;

type Extra =
  | {
      readonly kind: 'opening';
      readonly options: ExtraSocketOptions;
      /** It is to carry a path as soon as it is there. */
      isGrown: boolean;
      readonly waiting: { readonly to: SockAddr; readonly datagram: Uint8Array }[];
    }
  | { readonly kind: 'open'; readonly family: 4 | 6; readonly socket: UdpSocket };

export class ExtraSockets {
  readonly #factory: SocketFactory;
  readonly #events: ExtraSocketEvents;
  readonly #clock: Clock;
  readonly #sockets = new Map<SocketId, Extra>();
  readonly #queue: SocketId[] = [];
  /** Opening and closing under way: `close` waits for them. */
  readonly #underWay = new Set<Promise<void>>();
  #cancelPause: (() => void) | undefined;
  #isClosed = false;

  constructor(factory: SocketFactory, events: ExtraSocketEvents, clock: Clock) {
    this.#factory = factory;
    this.#events = events;
    this.#clock = clock;
  }

  /** The caller sees to it that the number is free and the bound on their count is kept. */
  open(id: SocketId, options: ExtraSocketOptions): void {
    if (this.#isClosed) return;
    this.#sockets.set(id, { kind: 'opening', options, isGrown: false, waiting: [] });
    this.#queue.push(id);
    this.#cancelPause ??= this.#clock.after(0, () => this.#openSome());
  }

  /** False when there is no such socket, or it is of the other family, or too much waits for it already. */
  send(via: SocketId, to: SockAddr, datagram: Uint8Array): boolean {
    const extra = this.#sockets.get(via);
    if (extra === undefined) return false;
    const family = extra.kind === 'open' ? extra.family : extra.options.family;
    if ((family === 6) !== to.ip.includes(':')) return false;
    if (extra.kind === 'open') {
      extra.socket.send(to, datagram);
      return true;
    }
    if (extra.waiting.length >= MAX_WAITING) return false;
    extra.waiting.push({ to, datagram: datagram.slice() });
    return true;
  }

  /** A path leads through it now. */
  grow(id: SocketId): void {
    const extra = this.#sockets.get(id);
    if (extra?.kind === 'open') extra.socket.grow?.();
    else if (extra !== undefined) extra.isGrown = true;
  }

  closeOne(id: SocketId): void {
    const extra = this.#sockets.get(id);
    this.#sockets.delete(id);
    if (extra?.kind === 'open') this.#track(extra.socket.close());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#queue.length = 0;
    for (const id of [...this.#sockets.keys()]) this.closeOne(id);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #openSome(): void {
    this.#cancelPause = undefined;
    for (const id of this.#queue.splice(0, OPENED_AT_ONCE)) {
      const extra = this.#sockets.get(id);
      // It may have been closed while it waited, and its number given to another that waits too.
      if (extra?.kind === 'opening') this.#track(this.#openOne(id, extra));
    }
    if (this.#queue.length > 0) this.#cancelPause = this.#clock.after(PAUSE_MS, () => this.#openSome());
  }

  async #openOne(id: SocketId, extra: Extract<Extra, { readonly kind: 'opening' }>): Promise<void> {
    const { family, mark, dontFragment } = extra.options;
    /** Whether this number still means this socket. */
    let current: Extra = extra;
    const isCurrent = (): boolean => this.#sockets.get(id) === current;
    const lost = (error: unknown): void => {
      if (!isCurrent()) return;
      this.closeOne(id);
      this.#events.gone(id, codeOf(error));
    };
    try {
      const socket = await this.#factory.open({
        family,
        port: 0,
        mark,
        dontFragment,
        bufferBytes: BUFFER_BYTES,
        receive: (from, datagram) => {
          if (isCurrent()) this.#events.receive(from, datagram, id);
        },
        sendFailed: (to, code) => {
          if (isCurrent()) this.#events.sendFailed(to, code, id);
        },
        failed: lost,
      });
      if (!isCurrent()) {
        await socket.close();
        return;
      }
      current = { kind: 'open', family, socket };
      this.#sockets.set(id, current);
      if (extra.isGrown) socket.grow?.();
      for (const { to, datagram } of extra.waiting) socket.send(to, datagram);
    } catch (error) {
      lost(error);
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}

/** The system's name of the error where there is one. */
function codeOf(error: unknown): string {
  const { cause } = toRhumbError(error);
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : toRhumbError(error).code;
}
