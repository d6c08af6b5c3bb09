/**
 * Relays as machines meet them: one ordered, reliable stream per machine and region, which stalls when packets are lost,
 * breaks when an address changes, and takes some round trips to make anew (nat-traversal.md §1.12).
 */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { SimClock } from '../network/sim-clock.ts';

/** The way of a machine's TCP to the middle of the Internet, as it is now. */
export interface StreamPath {
  /** One way; undefined = nothing gets through. */
  readonly delayMs: number | undefined;
  readonly loss: number;
  /** Another text: the machine's address as relays see it changed, and its old streams lead nowhere. */
  readonly epoch: string;
}

export interface RelayEvents {
  packet(region: number, from: NodeKey, data: Uint8Array): void;
  peerGone(region: number, peer: NodeKey): void;
  /** A region became usable or ceased to be. */
  changed(region: number, isConnected: boolean): void;
}

interface Stream {
  readonly client: RelayClient;
  readonly epoch: string;
  isOpen: boolean;
  /** When the last bytes arrive: later ones wait for them. */
  upAtMs: number;
  downAtMs: number;
}

const RETRANSMIT_MS = 200;
const STREAM_TIMEOUT_MS = 15_000;
const DIAL_LIMIT_MS = 10_000;
const QUEUE = 32;
const IDLE_MS = 60_000;
/** Of the client's own ping while the connection is open (§11.5). */
const PING_MS = 17_000;
const PING_WAIT_MS = 3_000;
/** TCP, TLS 1.3 and the relay's own greeting. */
const DIAL_ROUND_TRIPS = 3;

export class Relay {
  readonly region: number;
  readonly delayMs: number;
  /** `silent`: packets vanish; `down`: connections are refused and the open ones were reset. */
  state: 'up' | 'down' | 'silent' = 'up';
  readonly #clock: SimClock;
  readonly #streams = new Map<NodeKey, Stream>();

  constructor(clock: SimClock, region: number, delayMs: number) {
    this.#clock = clock;
    this.region = region;
    this.delayMs = delayMs;
  }

  /** Open connections are reset. */
  crash(): void {
    this.state = 'down';
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams)
      this.#clock.after(this.delayMs, () => stream.client.lost(this.region, stream));
  }

  register(key: NodeKey, stream: Stream): void {
    this.#streams.set(key, stream);
  }

  leave(key: NodeKey, stream: Stream): void {
    if (this.#streams.get(key) === stream) this.#streams.delete(key);
  }

  isHere(key: NodeKey): boolean {
    return this.#streams.has(key);
  }

  forward(from: NodeKey, fromStream: Stream, to: NodeKey, data: Uint8Array): void {
    const target = this.#streams.get(to);
    if (target === undefined)
      fromStream.client.down(this, fromStream, () => fromStream.client.gone(this.region, to));
    else target.client.down(this, target, () => target.client.received(this.region, from, data));
  }
}

type RegionState =
  | { kind: 'idle' }
  | { kind: 'dialing'; readonly queue: (() => void)[]; readonly ticket: number }
  | { kind: 'connected'; readonly stream: Stream; lastWriteMs: number }
  | { kind: 'waiting'; readonly queue: (() => void)[] };

export class RelayClient {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #key: NodeKey;
  readonly #relays: ReadonlyMap<number, Relay>;
  readonly #path: () => StreamPath;
  readonly #events: RelayEvents;
  readonly #states = new Map<number, RegionState>();
  readonly #failures = new Map<number, number>();
  readonly #reverse = new Map<NodeKey, number>();
  #home = 0;
  #ticket = 0;

  constructor(options: {
    /** The machine's: it stops while that sleeps. */
    readonly clock: Clock;
    readonly random: Random;
    readonly key: NodeKey;
    readonly relays: ReadonlyMap<number, Relay>;
    readonly path: () => StreamPath;
    readonly events: RelayEvents;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#key = options.key;
    this.#relays = options.relays;
    this.#path = options.path;
    this.#events = options.events;
    this.#watch();
  }

  get home(): number {
    return this.#home;
  }

  setHome(region: number): void {
    this.#home = region;
    if (region !== 0 && this.#stateOf(region).kind === 'idle') this.#dial(region, []);
  }

  isConnected(region: number): boolean {
    return this.#states.get(region)?.kind === 'connected';
  }

  /** Nothing is in the way of a datagram through that region now; for oracles. */
  isUsable(region: number): boolean {
    const state = this.#stateOf(region);
    if (state.kind === 'connected') return state.stream.epoch === this.#path().epoch;
    return state.kind === 'idle';
  }

  /** nat-traversal.md §1.12: a live connection to the peer's home, where it last came from, its home. */
  routeFor(peer: NodeKey, home: number | undefined): number | undefined {
    if (home !== undefined && home !== 0 && this.isConnected(home)) return home;
    const reverse = this.#reverse.get(peer);
    if (reverse !== undefined && this.isConnected(reverse)) return reverse;
    return home === undefined || home === 0 || !this.#relays.has(home) ? undefined : home;
  }

  send(region: number, to: NodeKey, data: Uint8Array): void {
    const state = this.#stateOf(region);
    const copy = data.slice();
    const write = (): void => this.#write(region, to, copy);
    if (state.kind === 'connected') write();
    else if (state.kind === 'idle') this.#dial(region, [write]);
    else {
      state.queue.push(write);
      if (state.queue.length > QUEUE) state.queue.shift();
    }
  }

  /** It is no longer in the map. */
  forget(region: number): void {
    const state = this.#stateOf(region);
    if (state.kind === 'connected') this.#drop(region, state.stream);
    this.#states.delete(region);
    for (const [peer, at] of this.#reverse) if (at === region) this.#reverse.delete(peer);
  }

  /** Streams that can't have survived are closed, and home is dialed anew. */
  networkChanged(): void {
    const { epoch } = this.#path();
    for (const [region, state] of this.#states)
      if (state.kind === 'connected' && state.stream.epoch !== epoch) this.#drop(region, state.stream);
      else if (state.kind === 'waiting') {
        this.#failures.delete(region);
        this.#dial(region, state.queue);
      }
  }

  /** What the relay sends down arrives when everything before it has. */
  down(relay: Relay, stream: Stream, arrive: () => void): void {
    const path = this.#path();
    if (stream.epoch !== path.epoch || relay.state !== 'up') return;
    this.#carry(stream, 'downAtMs', relay.delayMs, () => {
      if (stream.isOpen && stream.epoch === this.#path().epoch) arrive();
    });
  }

  received(region: number, from: NodeKey, data: Uint8Array): void {
    this.#reverse.set(from, region);
    this.#events.packet(region, from, data);
  }

  gone(region: number, peer: NodeKey): void {
    if (this.#reverse.get(peer) === region) this.#reverse.delete(peer);
    this.#events.peerGone(region, peer);
  }

  lost(region: number, stream: Stream): void {
    if (stream.isOpen) this.#drop(region, stream);
  }

  #stateOf(region: number): RegionState {
    return this.#states.get(region) ?? { kind: 'idle' };
  }

  #write(region: number, to: NodeKey, data: Uint8Array): void {
    const state = this.#states.get(region);
    const relay = this.#relays.get(region);
    if (state?.kind !== 'connected' || relay === undefined) return;
    state.lastWriteMs = this.#clock.monotonic();
    const { stream } = state;
    if (stream.epoch !== this.#path().epoch) {
      // The relay knows nothing of the new address: a reset after one round trip.
      this.#clock.after(2 * (relay.delayMs + (this.#path().delayMs ?? 0)), () => this.lost(region, stream));
      return;
    }
    this.#carry(stream, 'upAtMs', relay.delayMs, () => {
      if (relay.state === 'up') relay.forward(this.#key, stream, to, data);
    });
  }

  /** Loss costs time, not bytes; a way that stays closed ends the stream. */
  #carry(stream: Stream, lane: 'upAtMs' | 'downAtMs', relayDelayMs: number, arrive: () => void): void {
    const sentMs = this.#clock.monotonic();
    const attempt = (backoffMs: number): void => {
      const path = this.#path();
      if (!stream.isOpen || path.epoch !== stream.epoch) return;
      const isLate = this.#clock.monotonic() - sentMs >= STREAM_TIMEOUT_MS;
      if (!isLate && path.delayMs !== undefined && this.#random() >= path.loss) {
        const atMs = Math.max(stream[lane], this.#clock.monotonic() + path.delayMs + relayDelayMs);
        stream[lane] = atMs;
        this.#clock.after(atMs - this.#clock.monotonic(), arrive);
        return;
      }
      if (isLate) {
        for (const [region, state] of this.#states)
          if (state.kind === 'connected' && state.stream === stream) this.#drop(region, stream);
        return;
      }
      this.#clock.after(backoffMs, () => attempt(Math.min(2 * backoffMs, 2_000)));
    };
    attempt(RETRANSMIT_MS);
  }

  #dial(region: number, queue: (() => void)[]): void {
    const relay = this.#relays.get(region);
    if (relay === undefined) return;
    const ticket = ++this.#ticket;
    this.#states.set(region, { kind: 'dialing', queue, ticket });
    const { delayMs, loss } = this.#path();
    const isSilent = delayMs === undefined || relay.state === 'silent';
    const retries = this.#random() < 4 * loss ? 1_000 : 0;
    const tripMs = 2 * ((delayMs ?? 0) + relay.delayMs);
    const trips = relay.state === 'down' ? 1 : DIAL_ROUND_TRIPS;
    this.#clock.after(isSilent ? DIAL_LIMIT_MS : tripMs * trips + retries, () =>
      this.#dialed(region, relay, ticket),
    );
  }

  #dialed(region: number, relay: Relay, ticket: number): void {
    const state = this.#stateOf(region);
    if (state.kind !== 'dialing' || state.ticket !== ticket) return;
    const { delayMs, epoch } = this.#path();
    if (relay.state !== 'up' || delayMs === undefined) {
      this.#wait(region, state.queue);
      return;
    }
    const nowMs = this.#clock.monotonic();
    const stream: Stream = { client: this, epoch, isOpen: true, upAtMs: nowMs, downAtMs: nowMs };
    this.#states.set(region, { kind: 'connected', stream, lastWriteMs: nowMs });
    this.#failures.delete(region);
    relay.register(this.#key, stream);
    for (const write of state.queue) write();
    this.#events.changed(region, true);
  }

  /** §1.12: n² × 10 ms with jitter, at most 5 s. */
  #wait(region: number, queue: (() => void)[]): void {
    const failures = (this.#failures.get(region) ?? 0) + 1;
    this.#failures.set(region, failures);
    this.#states.set(region, { kind: 'waiting', queue });
    this.#events.changed(region, false);
    const waitMs = Math.min(5_000, failures ** 2 * 10 * (0.5 + this.#random()));
    this.#clock.after(waitMs, () => {
      const state = this.#stateOf(region);
      if (state.kind !== 'waiting') return;
      if (region === this.#home || state.queue.length > 0) this.#dial(region, state.queue.splice(0));
      else this.#states.delete(region);
    });
  }

  #drop(region: number, stream: Stream): void {
    const state = this.#stateOf(region);
    if (state.kind !== 'connected' || state.stream !== stream) return;
    stream.isOpen = false;
    this.#relays.get(region)?.leave(this.#key, stream);
    for (const [peer, at] of this.#reverse) if (at === region) this.#reverse.delete(peer);
    this.#states.set(region, { kind: 'idle' });
    this.#events.changed(region, false);
    if (region === this.#home) this.#dial(region, []);
  }

  /** Pings open connections and closes those that serve nothing. */
  #watch(): void {
    this.#clock.after(PING_MS, () => {
      const nowMs = this.#clock.monotonic();
      for (const [region, state] of this.#states) {
        if (state.kind !== 'connected') continue;
        if (region !== this.#home && nowMs - state.lastWriteMs > IDLE_MS) this.#drop(region, state.stream);
        else this.#check(region, state.stream);
      }
      this.#watch();
    });
  }

  #check(region: number, stream: Stream): void {
    const isDead = (): boolean =>
      this.#relays.get(region)?.state !== 'up' || stream.epoch !== this.#path().epoch;
    if (isDead()) this.#clock.after(PING_WAIT_MS, () => isDead() && this.lost(region, stream));
  }
}
