/** Who is in the region: for each key its connections here, which of them is active, and the relays that have it too. */
import type { Counters } from './counters.ts';

/** A connection here, as the table needs it. */
export interface Connection {
  /** Its client says that this connection is the one where it is found. */
  readonly isHome: boolean;
  /** Told when its key gets a second connection that speaks too, and when it is alone again. */
  onClones(isCloned: boolean): void;
}

/** A link to another relay. */
export interface Forwarder {
  readonly name: string;
}

/** After so many changes of the active one, two machines are using one key; a mere reconnect makes none. */
const FIGHT_CHANGES = 4;

/** Everything about one key. Lives as long as a connection or a forwarder does. */
export class Peer<C extends Connection, F extends Forwarder> {
  /** The 32 bytes as Latin-1 text: the fastest thing to look up that JavaScript has. */
  readonly name: string;
  readonly raw: Uint8Array;
  active: C | undefined;
  /** All connections by their last sign of life, the latest last; undefined while there is at most one. */
  clones: C[] | undefined;
  /** By age: the earliest registered stays preferred (nat-traversal.md §1.13). Undefined when local only. */
  forwarders: F[] | undefined;
  changes = 0;

  constructor(name: string, raw: Uint8Array) {
    this.name = name;
    this.raw = raw;
  }

  get connections(): number {
    return this.clones?.length ?? (this.active === undefined ? 0 : 1);
  }
}

export class Peers<C extends Connection, F extends Forwarder> {
  readonly #byName = new Map<string, Peer<C, F>>();
  readonly #counters: Counters;
  readonly #onGone: (peer: Peer<C, F>) => void;
  #locals = 0;
  #clonedKeys = 0;
  #cloneConns = 0;

  /** `onGone` is told of a key that has left the whole region. */
  constructor(counters: Counters, onGone: (peer: Peer<C, F>) => void) {
    this.#counters = counters;
    this.#onGone = onGone;
  }

  get total(): number {
    return this.#byName.size;
  }
  get locals(): number {
    return this.#locals;
  }
  get clonedKeys(): number {
    return this.#clonedKeys;
  }
  get cloneConns(): number {
    return this.#cloneConns;
  }

  get(name: string): Peer<C, F> | undefined {
    return this.#byName.get(name);
  }

  values(): IterableIterator<Peer<C, F>> {
    return this.#byName.values();
  }

  /** The newest connection of a key is the active one; older ones stay open (nat-traversal.md §1.8). */
  add(name: string, raw: Uint8Array, connection: C): Peer<C, F> {
    const peer = this.#peer(name, raw);
    const { active } = peer;
    if (active === undefined) this.#locals++;
    else if (peer.clones === undefined) {
      peer.clones = [active, connection];
      this.#clonedKeys++;
      this.#cloneConns += 2;
      this.#counters.dupClientConnsTotal++;
    } else {
      peer.clones.push(connection);
      this.#cloneConns++;
      this.#counters.dupClientConnsTotal++;
      if (peer.changes >= FIGHT_CHANGES) connection.onClones(true);
    }
    peer.active = connection;
    return peer;
  }

  /** A clone that sends becomes the active one ("last writer"). */
  noteActivity(peer: Peer<C, F>, connection: C): void {
    const { clones, active } = peer;
    if (clones === undefined || active === connection) return;
    clones.splice(clones.indexOf(connection), 1);
    clones.push(connection);
    peer.active = connection;
    // One machine has one home. It may well have a second connection, for a peer whose home is another region of the map
    // that is this very relay (an embedded one has three).
    if (active?.isHome !== true || !connection.isHome) return;
    if (++peer.changes === FIGHT_CHANGES) for (const one of clones) one.onClones(true);
  }

  /** True when that was the key's last connection here. */
  remove(peer: Peer<C, F>, connection: C): boolean {
    const { clones } = peer;
    if (clones === undefined) {
      peer.active = undefined;
      this.#locals--;
      this.#release(peer);
      return true;
    }
    clones.splice(clones.indexOf(connection), 1);
    this.#cloneConns--;
    if (peer.active === connection) peer.active = clones.at(-1);
    const [alone] = clones;
    if (clones.length === 1 && alone !== undefined) {
      peer.clones = undefined;
      this.#cloneConns--;
      this.#clonedKeys--;
      if (peer.changes >= FIGHT_CHANGES) alone.onClones(false);
      peer.changes = 0;
    }
    return false;
  }

  addForwarder(name: string, raw: Uint8Array, forwarder: F): void {
    const peer = this.#peer(name, raw);
    peer.forwarders ??= [];
    if (peer.forwarders.includes(forwarder)) return;
    if (peer.forwarders.push(forwarder) === 2) this.#counters.multiForwarderCreated++;
  }

  /** Presents and gones are not balanced, so one that is not there is nothing special. */
  removeForwarder(name: string, forwarder: F): void {
    const peer = this.#byName.get(name);
    const forwarders = peer?.forwarders;
    const at = forwarders?.indexOf(forwarder) ?? -1;
    if (peer === undefined || forwarders === undefined || at < 0) return;
    forwarders.splice(at, 1);
    if (forwarders.length === 1) this.#counters.multiForwarderDeleted++;
    if (forwarders.length > 0) return;
    peer.forwarders = undefined;
    this.#release(peer);
  }

  #peer(name: string, raw: Uint8Array): Peer<C, F> {
    let peer = this.#byName.get(name);
    if (peer === undefined) {
      peer = new Peer<C, F>(name, raw);
      this.#byName.set(name, peer);
    }
    return peer;
  }

  #release(peer: Peer<C, F>): void {
    if (peer.active !== undefined || peer.forwarders !== undefined) return;
    this.#byName.delete(peer.name);
    this.#onGone(peer);
  }
}
