/** The past hour of traffic, second by second: of all, and of each device that had some, direct and relayed apart. */
import type { Clock } from '#shared/async/clock.ts';

/** What a peer counted since it is known. */
export interface CountedPeer {
  readonly id: number;
  readonly isDirect: boolean;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** Bytes of each second, newest last; all lists have the same length. */
export interface TrafficStretch {
  /** Wall clock at the end of the last second. */
  readonly endMs: number;
  readonly direct: { readonly in: readonly number[]; readonly out: readonly number[] };
  readonly relayed: { readonly in: readonly number[]; readonly out: readonly number[] };
}

export interface TrafficHistoryOptions {
  readonly clock: Clock;
  readonly look: () => Iterable<CountedPeer>;
}

const SECOND_MS = 1_000;
const KEPT_SECONDS = 3_600;
/** Rings of single devices; the one that was quiet longest makes room. A ring has 58 kB. */
const MAX_DEVICES = 64;
/** Four bytes for a second: 34 Gbit/s. */
const MOST = 0xffff_ffff;

const KINDS = ['directIn', 'directOut', 'relayedIn', 'relayedOut'] as const;
type Second = { [K in (typeof KINDS)[number]]: number };
const quiet = (): Second => ({ directIn: 0, directOut: 0, relayedIn: 0, relayedOut: 0 });

/** Seconds by their number, so that rings that were made later line up with the others. */
class Ring {
  readonly #kinds: Readonly<Record<keyof Second, Uint32Array>> = {
    directIn: new Uint32Array(KEPT_SECONDS),
    directOut: new Uint32Array(KEPT_SECONDS),
    relayedIn: new Uint32Array(KEPT_SECONDS),
    relayedOut: new Uint32Array(KEPT_SECONDS),
  };
  /** The last second in which there was any traffic. */
  lastBusy = 0;

  put(second: number, bytes: Second): void {
    for (const kind of KINDS) {
      const value = Math.min(MOST, Math.round(bytes[kind]));
      this.#kinds[kind][second % KEPT_SECONDS] = value;
      if (value > 0) this.lastBusy = second;
    }
  }

  list(kind: keyof Second, from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, i) => this.#kinds[kind][(from + i) % KEPT_SECONDS] ?? 0);
  }
}

export class TrafficHistory implements Disposable {
  readonly #options: TrafficHistoryOptions;
  readonly #total = new Ring();
  readonly #devices = new Map<number, Ring>();
  readonly #listeners = new Set<() => void>();
  #counted = new Map<number, CountedPeer>();
  /** Seconds that are over. */
  #seconds = 0;
  #endMs: number;
  #lastAt: number;
  #cancel: () => void;

  constructor(options: TrafficHistoryOptions) {
    this.#options = options;
    const { clock } = options;
    this.#endMs = clock.now();
    this.#lastAt = clock.monotonic();
    // What was counted before is nobody's second.
    for (const peer of options.look()) this.#counted.set(peer.id, peer);
    this.#cancel = clock.after(SECOND_MS, () => this.#tick());
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#listeners.clear();
  }

  /** The past so many seconds, as far as we were there. Of a device that was quiet all the time there are only zeros. */
  past(seconds: number, peer?: number): TrafficStretch {
    const to = this.#seconds;
    const from = Math.max(0, to - Math.min(seconds, KEPT_SECONDS));
    const ring = peer === undefined ? this.#total : this.#devices.get(peer);
    const list = (kind: keyof Second): number[] =>
      ring === undefined ? new Array<number>(to - from).fill(0) : ring.list(kind, from, to);
    return {
      endMs: this.#endMs,
      direct: { in: list('directIn'), out: list('directOut') },
      relayed: { in: list('relayedIn'), out: list('relayedOut') },
    };
  }

  /** Called after each second, with how many there were: more than one after a sleep. */
  subscribe(listener: (seconds: number) => void): () => void {
    let told = this.#seconds;
    const hear = (): void => {
      const news = this.#seconds - told;
      told = this.#seconds;
      listener(news);
    };
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  #tick(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const elapsed = Math.max(1, Math.round((now - this.#lastAt) / SECOND_MS));
    this.#lastAt += elapsed * SECOND_MS;
    this.#endMs = clock.now();
    // Nobody knows when in a long pause something came: it is put into its last second.
    for (let i = 1; i < Math.min(elapsed, KEPT_SECONDS); i++) this.#putAll(this.#seconds++, new Map());
    this.#putAll(this.#seconds++, this.#grown());
    this.#cancel = clock.after(Math.max(1, this.#lastAt + SECOND_MS - clock.monotonic()), () => this.#tick());
    for (const listener of this.#listeners) listener();
  }

  /** What each peer counted since the last look; nobody who was quiet. */
  #grown(): Map<number, Second> {
    const seen = new Map<number, CountedPeer>();
    const grown = new Map<number, Second>();
    for (const peer of this.#options.look()) {
      seen.set(peer.id, peer);
      const before = this.#counted.get(peer.id);
      const rx = since(before?.rxBytes ?? 0, peer.rxBytes);
      const tx = since(before?.txBytes ?? 0, peer.txBytes);
      if (rx === 0 && tx === 0) continue;
      grown.set(
        peer.id,
        peer.isDirect
          ? { ...quiet(), directIn: rx, directOut: tx }
          : { ...quiet(), relayedIn: rx, relayedOut: tx },
      );
    }
    this.#counted = seen;
    return grown;
  }

  #putAll(second: number, grown: ReadonlyMap<number, Second>): void {
    const sum = quiet();
    for (const [id, bytes] of grown) {
      for (const kind of KINDS) sum[kind] += bytes[kind];
      if (!this.#devices.has(id)) this.#makeRoom(id);
    }
    this.#total.put(second, sum);
    for (const [id, ring] of this.#devices) {
      ring.put(second, grown.get(id) ?? quiet());
      if (second - ring.lastBusy > KEPT_SECONDS) this.#devices.delete(id);
    }
  }

  #makeRoom(id: number): void {
    if (this.#devices.size >= MAX_DEVICES) {
      const [quietest] = [...this.#devices].sort(([, a], [, b]) => a.lastBusy - b.lastBusy);
      if (quietest !== undefined) this.#devices.delete(quietest[0]);
    }
    this.#devices.set(id, new Ring());
  }
}

/** A peer that was removed and came back counts from zero again. */
const since = (before: number, now: number): number => (now >= before ? now - before : now);
