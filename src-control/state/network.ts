/** The network as the server knows it: users, machines and credentials in memory, every change through one door onto disk. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type {
  AdminCodeRecord,
  AuthKeyRecord,
  GrantRecord,
  NodeRecord,
  Snapshot,
  UserRecord,
  Write,
} from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { type AddressPool, ipv4Pool, ipv6Pool } from './addresses.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { Committer } from './committer.ts';

/** A machine as it is now: what is stored, and what only this process knows. Replaced as a whole on every change. */
export interface NodeView {
  readonly record: NodeRecord;
  readonly isOnline: boolean;
  /** Remote address of its control connection, when other machines may reach it there. */
  readonly observedIp: string | undefined;
  /** Two machines use this identity at once. */
  readonly isCloned: boolean;
}

export interface NetworkDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly defer: (fn: () => void) => void;
}

export interface Save {
  readonly writes: readonly Write[];
  readonly changes?: readonly Change[];
  /** `lazy`: the streams are told at once and the disk a moment later; for what a machine will say again anyway. */
  readonly pace?: 'now' | 'lazy';
}

export const isExpired = (record: NodeRecord, nowMs: number): boolean =>
  record.expiry !== undefined && record.expiry <= nowMs;

/** Neither part can hold a line break: both are checked where they enter. */
const identityKey = (issuer: string, subject: string): string => `${issuer}\n${subject}`;

export class Network implements AsyncDisposable {
  readonly #deps: NetworkDeps;
  readonly #committer: Committer;
  readonly #users = new Map<number, UserRecord>();
  readonly #usersByName = new Map<string, number>();
  readonly #usersByIdentity = new Map<string, number>();
  readonly #grants = new Map<number, GrantRecord>();
  readonly #nodes = new Map<number, NodeView>();
  readonly #byNodeKey = new Map<NodeKey, number>();
  readonly #byMachine = new Map<MachineKey, Set<number>>();
  readonly #byName = new Map<string, number>();
  readonly #authKeys = new Map<number, AuthKeyRecord>();
  readonly #authKeysByPrefix = new Map<string, number>();
  readonly #adminCodes = new Map<number, AdminCodeRecord>();
  readonly #settings = new Map<string, string>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #ipv4: AddressPool = ipv4Pool();
  #ipv6: AddressPool = ipv6Pool();

  private constructor(deps: NetworkDeps) {
    this.#deps = deps;
    this.#committer = new Committer(deps);
  }

  static async open(deps: NetworkDeps): Promise<Network> {
    const network = new Network(deps);
    network.#fill(await deps.store.load());
    return network;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committer.flush();
    await this.#deps.store[Symbol.asyncDispose]();
  }

  // Reading.

  users(): Iterable<UserRecord> {
    return this.#users.values();
  }
  user(id: number): UserRecord | undefined {
    return this.#users.get(id);
  }
  userByName(name: string): UserRecord | undefined {
    const id = this.#usersByName.get(name);
    return id === undefined ? undefined : this.#users.get(id);
  }
  userByIdentity(issuer: string, subject: string): UserRecord | undefined {
    const id = this.#usersByIdentity.get(identityKey(issuer, subject));
    return id === undefined ? undefined : this.#users.get(id);
  }
  grants(): Iterable<GrantRecord> {
    return this.#grants.values();
  }
  grantOf(userId: number): GrantRecord | undefined {
    return this.#grants.get(userId);
  }
  /** In order of id. */
  nodes(): Iterable<NodeView> {
    return this.#nodes.values();
  }
  get nodeCount(): number {
    return this.#nodes.size;
  }
  node(id: number): NodeView | undefined {
    return this.#nodes.get(id);
  }
  nodeByKey(key: NodeKey): NodeView | undefined {
    const id = this.#byNodeKey.get(key);
    return id === undefined ? undefined : this.#nodes.get(id);
  }
  nodeByName(label: string): NodeView | undefined {
    const id = this.#byName.get(label);
    return id === undefined ? undefined : this.#nodes.get(id);
  }
  nodeOfMachine(machine: MachineKey, userId: number): NodeView | undefined {
    for (const id of this.#byMachine.get(machine) ?? []) {
      const view = this.#nodes.get(id);
      if (view?.record.userId === userId) return view;
    }
    return undefined;
  }
  authKeys(): Iterable<AuthKeyRecord> {
    return this.#authKeys.values();
  }
  authKey(id: number): AuthKeyRecord | undefined {
    return this.#authKeys.get(id);
  }
  authKeyByPrefix(prefix: string): AuthKeyRecord | undefined {
    const id = this.#authKeysByPrefix.get(prefix);
    return id === undefined ? undefined : this.#authKeys.get(id);
  }
  adminCodes(): Iterable<AdminCodeRecord> {
    return this.#adminCodes.values();
  }
  setting(key: string): string | undefined {
    return this.#settings.get(key);
  }

  // Changing.

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** An id that was never used before, and the write that makes sure it never will be again. */
  nextId(kind: 'user' | 'node' | 'authKey' | 'adminCode'): { readonly id: number; readonly write: Write } {
    const key = `next-${kind}-id`;
    const id = Number(this.#settings.get(key) ?? '1');
    return { id, write: { put: 'setting', key, value: String(id + 1) } };
  }

  takeAddresses(): { readonly ipv4: string; readonly ipv6: string } {
    return { ipv4: this.#ipv4.take(), ipv6: this.#ipv6.take() };
  }

  /**
   * Takes the writes into memory at once, so that whoever looks next sees them, and resolves when they are on disk. When
   * the disk refuses, memory goes back to what is there and the promise rejects.
   */
  save(save: Save): Promise<void> {
    const pace = save.pace ?? 'now';
    for (const write of save.writes) this.#remember(write);
    const done = this.#committer.save(save.writes, pace);
    const changes = save.changes ?? [];
    if (pace === 'lazy') this.#publish(changes);
    return done.then(
      () => {
        if (pace === 'now') this.#publish(changes);
      },
      (error: unknown) => this.#undo(error),
    );
  }

  /** Resolves when what memory knows by now is on disk; what rests on it may be acknowledged then. */
  async settled(): Promise<void> {
    if (!this.#committer.isIdle) await this.save({ writes: [] });
  }

  /** What only this process knows; told to the streams, never written. */
  setLive(id: number, live: Partial<Pick<NodeView, 'isOnline' | 'observedIp' | 'isCloned'>>): void {
    const view = this.#nodes.get(id);
    if (view === undefined) return;
    const next = { ...view, ...live };
    let what = 0;
    if (next.isOnline !== view.isOnline) what |= What.Online;
    if (next.observedIp !== view.observedIp) what |= What.Endpoints;
    if (next.isCloned !== view.isCloned) what |= What.Notice;
    if (what === 0) return;
    this.#nodes.set(id, next);
    this.#publish([nodeChange(id, what)]);
  }

  /** Tells the streams about something that follows from what is stored, such as a key that has just expired. */
  announce(changes: readonly Change[]): void {
    this.#publish(changes);
  }

  #publish(changes: readonly Change[]): void {
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
  }

  async #undo(error: unknown): Promise<never> {
    this.#deps.log('error', 'state.not-written', { error });
    // What was saved meanwhile must be in the snapshot, or memory and disk would part.
    let snapshot: Snapshot;
    do {
      await this.#committer.flush();
      snapshot = await this.#deps.store.load();
    } while (!this.#committer.isIdle);
    this.#fill(snapshot);
    this.#publish([{ kind: 'reset' }]);
    throw new RhumbError(
      'unavailable',
      "can't write the state to disk: check the space and rights of the state directory",
      {
        cause: error,
      },
    );
  }

  #fill(snapshot: Snapshot): void {
    const live = new Map(this.#nodes);
    for (const map of [this.#users, this.#usersByName, this.#nodes, this.#byNodeKey, this.#byMachine])
      map.clear();
    for (const map of [this.#byName, this.#authKeys, this.#authKeysByPrefix, this.#adminCodes]) map.clear();
    this.#usersByIdentity.clear();
    this.#grants.clear();
    this.#settings.clear();
    this.#ipv4 = ipv4Pool();
    this.#ipv6 = ipv6Pool();
    for (const [key, value] of snapshot.settings) this.#settings.set(key, value);
    for (const value of snapshot.users) this.#remember({ put: 'user', value });
    for (const value of snapshot.grants) this.#remember({ put: 'grant', value });
    for (const value of snapshot.authKeys) this.#remember({ put: 'authKey', value });
    for (const value of snapshot.adminCodes) this.#remember({ put: 'adminCode', value });
    for (const value of snapshot.nodes) {
      const known = live.get(value.id);
      this.#remember({ put: 'node', value });
      if (known !== undefined) this.#nodes.set(value.id, { ...known, record: value });
    }
  }

  #remember(write: Write): void {
    if ('remove' in write) {
      if (write.remove === 'node') this.#forgetNode(write.id);
      else if (write.remove === 'grant') this.#grants.delete(write.id);
      else this.#adminCodes.delete(write.id);
      return;
    }
    switch (write.put) {
      case 'user':
        this.#users.set(write.value.id, write.value);
        this.#usersByName.set(write.value.name, write.value.id);
        if (write.value.identity !== undefined) {
          const { issuer, subject } = write.value.identity;
          this.#usersByIdentity.set(identityKey(issuer, subject), write.value.id);
        }
        return;
      case 'node':
        this.#rememberNode(write.value);
        return;
      case 'authKey':
        this.#authKeys.set(write.value.id, write.value);
        this.#authKeysByPrefix.set(write.value.prefix, write.value.id);
        return;
      case 'adminCode':
        this.#adminCodes.set(write.value.id, write.value);
        return;
      case 'grant':
        this.#grants.set(write.value.id, write.value);
        return;
      case 'setting':
        this.#settings.set(write.key, write.value);
        return;
      default:
        write satisfies never;
    }
  }

  #rememberNode(record: NodeRecord): void {
    const known = this.#nodes.get(record.id);
    if (known !== undefined) this.#unindex(known.record);
    this.#byNodeKey.set(record.nodeKey, record.id);
    this.#byName.set(record.givenName, record.id);
    const ofMachine = this.#byMachine.get(record.machineKey) ?? new Set();
    this.#byMachine.set(record.machineKey, ofMachine.add(record.id));
    this.#ipv4.use(record.ipv4);
    this.#ipv6.use(record.ipv6);
    const live = known ?? { isOnline: false, observedIp: undefined, isCloned: false };
    this.#nodes.set(record.id, { ...live, record });
  }

  #forgetNode(id: number): void {
    const record = this.#nodes.get(id)?.record;
    if (record === undefined) return;
    this.#unindex(record);
    this.#nodes.delete(id);
    this.#ipv4.free(record.ipv4);
    this.#ipv6.free(record.ipv6);
  }

  #unindex(record: NodeRecord): void {
    this.#byNodeKey.delete(record.nodeKey);
    this.#byName.delete(record.givenName);
    const ofMachine = this.#byMachine.get(record.machineKey);
    ofMachine?.delete(record.id);
    if (ofMachine?.size === 0) this.#byMachine.delete(record.machineKey);
  }
}
