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
import { type AddressPool, ipv4Pool, ipv6Pool } from './addresses.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { Committer } from './committer.ts';
import { type ReadonlyTable, Table } from './table.ts';

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
  /** Who did what; goes to disk with the writes. */
  readonly audit?: readonly AuditEntry[];
}

export const isExpired = (record: NodeRecord, nowMs: number): boolean =>
  record.expiry !== undefined && record.expiry <= nowMs;

/** Whether it takes part in the network; one that waits for approval or is disabled does not. */
export const isAdmitted = (record: NodeRecord): boolean =>
  record.approvedAt !== undefined && record.disabledAt === undefined;

/** Setting with the election's result: JSON of prefix to node id. */
export const PRIMARIES = 'route-primaries';
const primariesSchema = z.record(z.string(), z.int());

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
  setting(key: string): string | undefined {
    return this.#settings.get(key);
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

  /** An id that was never used before, and the write that makes sure it never will be again. */
  nextId(kind: Exclude<Kind, 'grant'>): { readonly id: number; readonly write: Write } {
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
    const audit = save.audit ?? [];
    const done = this.#committer.save([...save.writes, ...audit.map((entry) => ({ audit: entry }))], pace);
    const changes = save.changes ?? [];
    if (pace === 'lazy') this.#publish(changes);
    return done.then(
      () => {
        if (pace === 'now') this.#publish(changes);
        if (audit.length > 0) for (const listener of this.#auditListeners) listener(audit);
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
    for (const map of [this.#nodes, this.#byNodeKey, this.#byMachine, this.#byName, this.#settings])
      map.clear();
    for (const table of Object.values(this.#tables)) table.clear();
    this.#primaries = new Map();
    this.#ipv4 = ipv4Pool();
    this.#ipv6 = ipv6Pool();
    for (const [key, value] of snapshot.settings) this.#remember({ put: 'setting', key, value });
    for (const kind of KINDS) if (kind !== 'node') this.#fillTable(kind, snapshot);
    for (const value of snapshot.tables.node) {
      const known = live.get(value.id);
      this.#remember({ put: 'node', value });
      if (known !== undefined) this.#nodes.set(value.id, { ...known, record: value });
    }
  }

  #fillTable<K extends Exclude<Kind, 'node'>>(kind: K, snapshot: Snapshot): void {
    const table = (this.#tables as Tables)[kind];
    for (const value of snapshot.tables[kind]) table.put(value);
  }

  #remember(write: Write): void {
    if ('audit' in write) return;
    if ('remove' in write) {
      if (write.remove === 'node') this.#forgetNode(write.id);
      else this.#tables[write.remove].remove(write.id);
    } else if (write.put === 'node') this.#rememberNode(write.value);
    else if (write.put === 'setting') {
      this.#settings.set(write.key, write.value);
      if (write.key === PRIMARIES)
        this.#primaries = new Map(Object.entries(primariesSchema.parse(parseJson(write.value))));
    } else {
      // Kind and value belong together by the type of Write; the union of tables can't say so.
      const table: { put(value: never): void } = this.#tables[write.put];
      table.put(write.value as never);
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
