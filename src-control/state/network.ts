/** The network as the server knows it: users, machines and credentials in memory, every change through one door onto disk. */
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { parseJson } from '#shared/wire/json.ts';
import type {
  AdminCodeRecord,
  ApiKeyRecord,
  AuditEntry,
  AuditQuery,
  AuditRow,
  AuthKeyRecord,
  DeliveryRecord,
  DnsRecord,
  FreedAddressRecord,
  GrantRecord,
  Kind,
  NodeRecord,
  PasskeyRecord,
  PolicyRecord,
  Records,
  SessionRecord,
  Snapshot,
  SshCheckRecord,
  UserRecord,
  WebhookRecord,
  Write,
} from '../store/records.ts';
import { KINDS } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { AddressBook, type AddressPlan, DEFAULT_PLAN } from './addresses.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { Committer } from './committer.ts';
import type { Meter } from './meter.ts';
import { type ReadonlyTable, sortById, Table } from './table.ts';

/** A machine as it is now: what is stored, and what only this process knows. Replaced as a whole on every change. */
export interface NodeView {
  readonly record: NodeRecord;
  readonly isOnline: boolean;
  /** Remote address of its control connection, when other machines may reach it there. */
  readonly observedIp: string | undefined;
  /** Two machines use this identity at once. */
  readonly isCloned: boolean;
  /** It answered the last probe, or was not asked: only routers of which there are several are. */
  readonly isHealthy: boolean;
  /** What it announces and can't have, in words. */
  readonly refusedRoutes: readonly string[];
}

export interface NetworkDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly defer: (fn: () => void) => void;
  /** Out of which machines get their addresses. */
  readonly addresses?: AddressPlan;
  readonly meter?: Meter;
}

export interface Save {
  readonly writes: readonly Write[];
  readonly changes?: readonly Change[];
  /** `lazy`: the streams are told at once and the disk a moment later; for what a machine will say again anyway. */
  readonly pace?: 'now' | 'lazy';
  /** Who did what; goes to disk with the writes. */
  readonly audit?: readonly AuditEntry[];
}

export const isExpired = (record: NodeRecord, nowMs: number): boolean =>
  record.expiry !== undefined && record.expiry <= nowMs;

/** Whether it takes part in the network; one that waits for approval or is disabled does not. */
export const isAdmitted = (record: NodeRecord): boolean =>
  record.approvedAt !== undefined && record.disabledAt === undefined;

/** How the disk is, by what it said to the last write. */
export type Storage =
  | { readonly kind: 'writable' }
  | { readonly kind: 'failing'; readonly since: number; readonly why: string };

const EVERYTHING = Object.values(What).reduce((all, bit) => all | bit, 0);

const refused = (cause: unknown): RhumbError =>
  new RhumbError(
    'unavailable',
    "can't write the state to disk: check the space and rights of the state directory",
    { cause },
  );

/** Setting with the election's result: JSON of prefix to node id. */
export const PRIMARIES = 'route-primaries';
const primariesSchema = z.record(z.string(), z.int());

const NOT_SEEN_YET: Omit<NodeView, 'record'> = {
  isOnline: false,
  observedIp: undefined,
  isCloned: false,
  isHealthy: true,
  refusedRoutes: [],
};

const hashText = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');

/** The kinds that are kept in a `Table`; machines have more about them. */
type Tables = { readonly [K in Exclude<Kind, 'node'>]: Table<Records[K], string> };

/** Neither part can hold a line break: both are checked where they enter. */
const identityKey = (issuer: string, subject: string): string => `${issuer}\n${subject}`;

export class Network implements AsyncDisposable {
  readonly #deps: NetworkDeps;
  readonly #committer: Committer;
  readonly #tables = {
    user: new Table<UserRecord, 'name' | 'identity'>({
      name: ({ name }) => name,
      identity: ({ identity }) =>
        identity === undefined ? undefined : identityKey(identity.issuer, identity.subject),
    }),
    authKey: new Table<AuthKeyRecord, 'prefix'>({ prefix: ({ prefix }) => prefix }),
    adminCode: new Table<AdminCodeRecord>({}),
    grant: new Table<GrantRecord>({}),
    apiKey: new Table<ApiKeyRecord, 'prefix'>({ prefix: ({ prefix }) => prefix }),
    session: new Table<SessionRecord, 'idHash'>({ idHash: ({ idHash }) => hashText(idHash) }),
    passkey: new Table<PasskeyRecord, 'credentialId'>({ credentialId: ({ credentialId }) => credentialId }),
    policy: new Table<PolicyRecord>({}),
    dnsRecord: new Table<DnsRecord>({}),
    webhook: new Table<WebhookRecord>({}),
    delivery: new Table<DeliveryRecord>({}),
    freedAddress: new Table<FreedAddressRecord, 'address'>({ address: ({ address }) => address }),
    sshCheck: new Table<SshCheckRecord>({}),
  } satisfies Tables;
  readonly #nodes = new Map<number, NodeView>();
  readonly #byNodeKey = new Map<NodeKey, number>();
  readonly #byMachine = new Map<MachineKey, Set<number>>();
  readonly #byName = new Map<string, number>();
  readonly #settings = new Map<string, string>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  readonly #auditListeners = new Set<(entries: readonly AuditEntry[]) => void>();
  #primaries: ReadonlyMap<string, number> = new Map();
  #storage: Storage = { kind: 'writable' };
  #isReserved: (label: string) => boolean = () => false;
  readonly addresses: AddressBook;

  private constructor(deps: NetworkDeps) {
    this.#deps = deps;
    this.addresses = new AddressBook(deps.addresses ?? DEFAULT_PLAN);
    this.#committer = new Committer({ ...deps, rolledBack: (error) => this.#noteFailure(error) });
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
    return this.#tables.user.values();
  }
  user(id: number): UserRecord | undefined {
    return this.#tables.user.get(id);
  }
  userByName(name: string): UserRecord | undefined {
    return this.#tables.user.find('name', name);
  }
  userByIdentity(issuer: string, subject: string): UserRecord | undefined {
    return this.#tables.user.find('identity', identityKey(issuer, subject));
  }
  grants(): Iterable<GrantRecord> {
    return this.#tables.grant.values();
  }
  grantOf(userId: number): GrantRecord | undefined {
    return this.#tables.grant.get(userId);
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
  /** Whether a label is what administrators made a record for, so that no machine calls itself so. */
  isReserved(label: string): boolean {
    return this.#isReserved(label);
  }
  /** Records are known elsewhere; whoever knows them says which labels they take. */
  reserve(isReserved: (label: string) => boolean): void {
    this.#isReserved = isReserved;
  }
  /** The machine's node for a user, or, with undefined, its tagged one. */
  nodeOfMachine(machine: MachineKey, userId: number | undefined): NodeView | undefined {
    for (const id of this.#byMachine.get(machine) ?? []) {
      const view = this.#nodes.get(id);
      if (view?.record.userId === userId) return view;
    }
    return undefined;
  }
  /** Every node of a machine: one per user who signed in on it, and one for its tags. */
  *nodesOfMachine(machine: MachineKey): Generator<NodeView> {
    for (const id of this.#byMachine.get(machine) ?? []) {
      const view = this.#nodes.get(id);
      if (view !== undefined) yield view;
    }
  }
  authKeys(): Iterable<AuthKeyRecord> {
    return this.#tables.authKey.values();
  }
  authKey(id: number): AuthKeyRecord | undefined {
    return this.#tables.authKey.get(id);
  }
  authKeyByPrefix(prefix: string): AuthKeyRecord | undefined {
    return this.#tables.authKey.find('prefix', prefix);
  }
  adminCodes(): Iterable<AdminCodeRecord> {
    return this.#tables.adminCode.values();
  }
  get apiKeys(): ReadonlyTable<ApiKeyRecord, 'prefix'> {
    return this.#tables.apiKey;
  }
  get sessions(): ReadonlyTable<SessionRecord, 'idHash'> {
    return this.#tables.session;
  }
  /** Found by the cookie's SHA-256. */
  sessionByHash(hash: Uint8Array): SessionRecord | undefined {
    return this.#tables.session.find('idHash', hashText(hash));
  }
  get passkeys(): ReadonlyTable<PasskeyRecord, 'credentialId'> {
    return this.#tables.passkey;
  }
  /** Every version, oldest first. */
  get policies(): ReadonlyTable<PolicyRecord, never> {
    return this.#tables.policy;
  }
  get dnsRecords(): ReadonlyTable<DnsRecord, never> {
    return this.#tables.dnsRecord;
  }
  get webhooks(): ReadonlyTable<WebhookRecord, never> {
    return this.#tables.webhook;
  }
  get sshChecks(): ReadonlyTable<SshCheckRecord, never> {
    return this.#tables.sshCheck;
  }
  /** Oldest first. */
  get deliveries(): ReadonlyTable<DeliveryRecord, never> {
    return this.#tables.delivery;
  }
  get freedAddresses(): ReadonlyTable<FreedAddressRecord, 'address'> {
    return this.#tables.freedAddress;
  }
  /** Who carries each prefix that several machines may offer; never an exit route. */
  get primaries(): ReadonlyMap<string, number> {
    return this.#primaries;
  }
  auditLog(query: AuditQuery): Promise<readonly AuditRow[]> {
    return this.#deps.store.auditLog(query);
  }
  /** For what is about the disk itself: backups, checks, the chain of the audit log. */
  get store(): Store {
    return this.#deps.store;
  }
  setting(key: string): string | undefined {
    return this.#settings.get(key);
  }

  /** For what is dated by whoever changes something. */
  get nowMs(): number {
    return this.#deps.clock.now();
  }

  // Changing.

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told of entries once they are on disk. */
  subscribeAudit(listener: (entries: readonly AuditEntry[]) => void): () => void {
    this.#auditListeners.add(listener);
    return () => this.#auditListeners.delete(listener);
  }

  /** An id that was never used before, the first of `count` in a row, and the write that makes sure they never will be again. */
  nextId(kind: Exclude<Kind, 'grant'>, count = 1): { readonly id: number; readonly write: Write } {
    const key = `next-${kind}-id`;
    const id = Number(this.#settings.get(key) ?? '1');
    return { id, write: { put: 'setting', key, value: String(id + count) } };
  }

  /**
   * Takes the writes into memory at once, so that whoever looks next sees them, and resolves when they are on disk. When
   * the disk refuses, memory goes back to what is there and the promise rejects.
   */
  async save(save: Save): Promise<void> {
    const pace = save.pace ?? 'now';
    const undos = save.writes.map((write) => this.#remember(write));
    const audit = save.audit ?? [];
    const changes = save.changes ?? [];
    const writes = [...save.writes, ...audit.map((entry) => ({ audit: entry }))];
    const done = this.#committer.save(writes, pace, () => {
      for (const undo of undos.toReversed()) undo();
    });
    if (pace === 'lazy') this.#publish(changes);
    try {
      await done;
    } catch (cause) {
      // A stream may have been told meanwhile of what is not so.
      this.#publish(this.#asItIs(changes));
      throw refused(cause);
    }
    if (this.#storage.kind === 'failing') this.#noteRecovery(this.#storage.since);
    if (pace === 'now') this.#publish(changes);
    if (audit.length > 0) for (const listener of this.#auditListeners) listener(audit);
  }

  /** Whether the disk took the last write; what it said when not. */
  get storage(): Storage {
    return this.#storage;
  }

  /** Resolves when what memory knows by now is on disk; what rests on it may be acknowledged then. */
  async settled(): Promise<void> {
    if (!this.#committer.isIdle) await this.save({ writes: [] });
  }

  /** What only this process knows; told to the streams, never written. */
  setLive(id: number, live: Partial<Omit<NodeView, 'record'>>): void {
    const view = this.#nodes.get(id);
    if (view === undefined) return;
    const next = { ...view, ...live };
    let what = 0;
    if (next.isOnline !== view.isOnline) what |= What.Online;
    if (next.observedIp !== view.observedIp) what |= What.Endpoints;
    if (next.isCloned !== view.isCloned) what |= What.Notice;
    if (next.refusedRoutes.join() !== view.refusedRoutes.join()) what |= What.Notice;
    if (next.isHealthy !== view.isHealthy) what |= What.Routes;
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

  /** The same changes, for everybody who has to look again because they did not come about. */
  #asItIs(changes: readonly Change[]): readonly Change[] {
    return changes.map((change) => {
      if (change.kind !== 'node' && change.kind !== 'removed') return change;
      return this.#nodes.has(change.id)
        ? nodeChange(change.id, EVERYTHING)
        : { kind: 'removed', id: change.id };
    });
  }

  #noteFailure(error: unknown): void {
    this.#deps.log('error', 'state.not-written', { error });
    const since = this.#storage.kind === 'failing' ? this.#storage.since : this.#deps.clock.now();
    this.#storage = { kind: 'failing', since, why: error instanceof Error ? error.message : String(error) };
  }

  #noteRecovery(since: number): void {
    this.#storage = { kind: 'writable' };
    this.#deps.log('info', 'state.writable-again', { afterMs: this.#deps.clock.now() - since });
  }

  #fill(snapshot: Snapshot): void {
    for (const [key, value] of snapshot.settings) this.#remember({ put: 'setting', key, value });
    for (const kind of KINDS) if (kind !== 'node') this.#fillTable(kind, snapshot);
    for (const value of snapshot.tables.node) this.#rememberNode(value);
    const resting = [...this.#tables.freedAddress.values()].sort((a, b) => a.until - b.until);
    for (const { address, until } of resting) this.addresses.rest(address, until);
  }

  #fillTable<K extends Exclude<Kind, 'node'>>(kind: K, snapshot: Snapshot): void {
    const table = (this.#tables as Tables)[kind];
    for (const value of snapshot.tables[kind]) table.put(value);
  }

  /** The result takes it back. */
  #remember(write: Write): () => void {
    if ('audit' in write) return () => undefined;
    if ('put' in write && write.put === 'setting') return this.#rememberSetting(write.key, write.value);
    const kind = 'remove' in write ? write.remove : write.put;
    const id = 'remove' in write ? write.id : write.value.id;
    return kind === 'node' ? this.#changeNode(id, write) : this.#changeTable(kind, id, write);
  }

  #rememberSetting(key: string, value: string): () => void {
    const before = this.#settings.get(key);
    this.#setSetting(key, value);
    return () => this.#setSetting(key, before);
  }

  #setSetting(key: string, value: string | undefined): void {
    if (value === undefined) this.#settings.delete(key);
    else this.#settings.set(key, value);
    if (key === PRIMARIES)
      this.#primaries = new Map(Object.entries(primariesSchema.parse(parseJson(value ?? '{}'))));
  }

  #changeNode(id: number, write: Write): () => void {
    const before = this.#nodes.get(id)?.record;
    if ('put' in write && write.put === 'node') this.#rememberNode(write.value);
    else this.#forgetNode(id);
    return () => {
      if (before === undefined) return this.#forgetNode(id);
      const isBack = !this.#nodes.has(id);
      this.#rememberNode(before);
      if (isBack) sortById(this.#nodes);
    };
  }

  #changeTable(kind: Exclude<Kind, 'node'>, id: number, write: Write): () => void {
    // Kind and value belong together by the type of Write; the union of tables can't say so.
    const table = this.#tables[kind] as unknown as Table<{ readonly id: number }, string>;
    const before = table.get(id);
    if ('remove' in write) table.remove(id);
    else if ('value' in write && typeof write.value === 'object') table.put(write.value);
    if ('put' in write && write.put === 'freedAddress')
      this.addresses.rest(write.value.address, write.value.until);
    return () => {
      if (before === undefined) table.remove(id);
      else table.restore(before);
    };
  }

  #rememberNode(record: NodeRecord): void {
    const known = this.#nodes.get(record.id);
    if (known !== undefined) this.#unindex(known.record);
    this.#byNodeKey.set(record.nodeKey, record.id);
    this.#byName.set(record.givenName, record.id);
    const ofMachine = this.#byMachine.get(record.machineKey) ?? new Set();
    this.#byMachine.set(record.machineKey, ofMachine.add(record.id));
    this.#moveAddress(known?.record.ipv4, record.ipv4);
    this.#moveAddress(known?.record.ipv6, record.ipv6);
    const live = known ?? NOT_SEEN_YET;
    this.#nodes.set(record.id, { ...live, record });
  }

  #forgetNode(id: number): void {
    const record = this.#nodes.get(id)?.record;
    if (record === undefined) return;
    this.#unindex(record);
    this.#nodes.delete(id);
    this.#moveAddress(record.ipv4, undefined);
    this.#moveAddress(record.ipv6, undefined);
  }

  #moveAddress(from: string | undefined, to: string | undefined): void {
    if (from === to) return;
    if (from !== undefined) {
      this.addresses.free(from);
      const rests = this.#tables.freedAddress.find('address', from);
      if (rests !== undefined) this.addresses.rest(from, rests.until);
    }
    if (to !== undefined) this.addresses.use(to);
  }

  #unindex(record: NodeRecord): void {
    this.#byNodeKey.delete(record.nodeKey);
    this.#byName.delete(record.givenName);
    const ofMachine = this.#byMachine.get(record.machineKey);
    ofMachine?.delete(record.id);
    if (ofMachine?.size === 0) this.#byMachine.delete(record.machineKey);
  }
}
