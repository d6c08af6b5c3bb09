/** What the policy knows of the network, kept beside it: says which machines and people are others now, and when attributes end. */
import type { Clock } from '#shared/async/clock.ts';
import { nodeChange, What } from '../../state/changes.ts';
import type { Network } from '../../state/network.ts';
import type { PolicyNetwork, PolicyNode, PolicyUser } from '../compile/network.ts';
import { nextEnd, nodeFacts, sameNode, sameUser, userFacts } from './facts.ts';

/** Timers can't be longer; a longer wait is several. */
const MAX_WAIT_MS = 86_400_000;

export class FactsTable implements Disposable {
  readonly #network: Network;
  readonly #clock: Clock;
  #nodes = new Map<number, PolicyNode>();
  #users = new Map<number, PolicyUser>();
  readonly #ends = new Map<number, number>();
  #cancel: (() => void) | undefined;

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
    this.readAll();
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
  }

  readAll(): void {
    this.#users = new Map([...this.#network.users()].map((user) => [user.id, userFacts(user)] as const));
    this.#nodes = new Map();
    this.#ends.clear();
    for (const { record } of this.#network.nodes()) this.readNode(record.id);
  }

  /** In order of id. */
  get all(): PolicyNetwork {
    const nodes = [...this.#nodes.values()].sort((a, b) => a.id - b.id);
    return { users: [...this.#users.values()], nodes };
  }

  node(id: number): PolicyNode | undefined {
    return this.#nodes.get(id);
  }

  get users(): readonly PolicyUser[] {
    return [...this.#users.values()];
  }

  /** Whether the policy may say something else of the machine; `online` where only that differs. */
  readNode(id: number): 'same' | 'online' | 'other' {
    const view = this.#network.node(id);
    const nowMs = this.#clock.now();
    const before = this.#nodes.get(id);
    const facts = view === undefined ? undefined : nodeFacts(view, nowMs);
    this.#noteEnd(id, view === undefined ? Number.POSITIVE_INFINITY : nextEnd(view.record, nowMs));
    if (facts === undefined) return this.#nodes.delete(id) ? 'other' : 'same';
    this.#nodes.set(id, facts);
    if (before === undefined || !sameNode(before, facts)) return 'other';
    return before.isOnline === facts.isOnline ? 'same' : 'online';
  }

  /** Whether the user is somebody else for the policy. */
  readUser(id: number): boolean {
    const user = this.#network.user(id);
    const before = this.#users.get(id);
    if (user === undefined) return this.#users.delete(id);
    const facts = userFacts(user);
    this.#users.set(id, facts);
    return before === undefined || !sameUser(before, facts);
  }

  #noteEnd(id: number, end: number): void {
    const before = this.#ends.get(id) ?? Number.POSITIVE_INFINITY;
    if (before === end) return;
    if (Number.isFinite(end)) this.#ends.set(id, end);
    else this.#ends.delete(id);
    this.#arm();
  }

  #arm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#ends.size === 0) return;
    const next = Math.min(...this.#ends.values());
    const wait = Math.min(MAX_WAIT_MS, Math.max(0, next - this.#clock.now()));
    this.#cancel = this.#clock.after(wait, () => {
      const nowMs = this.#clock.now();
      const ended = [...this.#ends].filter(([, end]) => end <= nowMs).map(([id]) => id);
      for (const id of ended) this.#ends.delete(id);
      this.#arm();
      if (ended.length > 0) this.#network.announce(ended.map((id) => nodeChange(id, What.Tags)));
    });
  }
}
