/** Machines that wait for approval: in memory only, bounded, each for a quarter of an hour (control-protocol.md §10.2). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { networkOf } from './network-of.ts';

const MAX_PENDING = 1_024;
/** From one address; beyond it only that address's own make room, so that nobody can push others out. */
const MAX_PER_ADDRESS = 16;
export const PENDING_MS = 15 * 60_000;

export interface PendingMachine {
  readonly id: string;
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly hostinfo: Hostinfo;
  readonly capver: number;
  /** The machine asks for an earlier end than the default. */
  readonly requestedExpiry: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly createdAt: number;
}

export type Verdict =
  | { readonly kind: 'approved'; readonly nodeId: number }
  | { readonly kind: 'refused'; readonly text: string };

interface Entry {
  readonly machine: PendingMachine;
  readonly network: string;
  readonly cancelTimer: () => void;
  readonly waiters: Set<(verdict: Verdict | undefined) => void>;
  verdict: Verdict | undefined;
}

export class PendingMachines {
  readonly #clock: Clock;
  readonly #mintId: () => string;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock, mintId: () => string) {
    this.#clock = clock;
    this.#mintId = mintId;
  }

  /**
   * The same machine that asks again with the same key gets the same id, so that an open page stays valid. Throws
   * `unavailable` when too many machines wait behind its address.
   */
  open(facts: Omit<PendingMachine, 'id' | 'createdAt'>): PendingMachine {
    for (const { machine, verdict } of this.#entries.values())
      if (
        verdict === undefined &&
        machine.machineKey === facts.machineKey &&
        machine.nodeKey === facts.nodeKey
      )
        return machine;
    const network = networkOf(facts.remoteAddress);
    this.#makeRoom(network);
    const machine = { ...facts, id: this.#mintId(), createdAt: this.#clock.now() };
    const cancelTimer = this.#clock.after(PENDING_MS, () => this.#drop(machine.id));
    this.#entries.set(machine.id, { machine, network, cancelTimer, waiters: new Set(), verdict: undefined });
    this.#changed();
    return machine;
  }

  /** Told whenever the list is another one; the result ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Undefined once it is decided, too old or unknown. */
  get(id: string): PendingMachine | undefined {
    const entry = this.#entries.get(id);
    return entry?.verdict === undefined ? entry?.machine : undefined;
  }

  verdictOf(id: string): Verdict | undefined {
    return this.#entries.get(id)?.verdict;
  }

  list(): readonly PendingMachine[] {
    return [...this.#entries.values()].filter((one) => one.verdict === undefined).map((one) => one.machine);
  }

  /** Resolves with the verdict, or with undefined when there is nothing (any more) to wait for. */
  async wait(id: string, signal: AbortSignal): Promise<Verdict | undefined> {
    signal.throwIfAborted();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.verdict !== undefined) return entry?.verdict;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        entry.waiters.delete(done);
        reject(signal.reason);
      };
      const done = (verdict: Verdict | undefined): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(verdict);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      entry.waiters.add(done);
    });
  }

  /** Wakes every waiter once; the verdict stays readable until the entry's time is over. */
  settle(id: string, verdict: Verdict): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.verdict !== undefined) return;
    entry.verdict = verdict;
    for (const wake of entry.waiters) wake(verdict);
    entry.waiters.clear();
    this.#changed();
  }

  /** Lets every waiter go, at shutdown. */
  clear(): void {
    for (const id of [...this.#entries.keys()]) this.#drop(id);
  }

  #makeRoom(network: string): void {
    const own = this.#of(network);
    if (own.length >= MAX_PER_ADDRESS) {
      // One that waits would come back at once, and push out the next one that waits.
      const idle = own.find((one) => one.waiters.size === 0);
      if (idle === undefined)
        throw new RhumbError('unavailable', 'too many machines behind this address wait for approval');
      this.#drop(idle.machine.id);
    } else if (this.#entries.size >= MAX_PENDING) {
      const [oldest] = this.#of(this.#largestNetwork());
      if (oldest !== undefined) this.#drop(oldest.machine.id);
    }
  }

  #of(network: string): readonly Entry[] {
    return [...this.#entries.values()].filter((one) => one.network === network);
  }

  #largestNetwork(): string {
    const counts = new Map<string, number>();
    let largest = '';
    for (const { network } of this.#entries.values()) {
      const count = (counts.get(network) ?? 0) + 1;
      counts.set(network, count);
      if (count > (counts.get(largest) ?? 0)) largest = network;
    }
    return largest;
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.cancelTimer();
    for (const wake of entry.waiters) wake(entry.verdict);
    entry.waiters.clear();
    this.#changed();
  }
}
