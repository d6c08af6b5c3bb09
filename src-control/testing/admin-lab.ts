/** A network in memory with its calls and a clock that stands still, for tests of what administrators do. */
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type Caller, callerOfUser } from '../admin/caller.ts';
import { type CallArg, type CallName, type CallResult, carryOut } from '../admin/calls.ts';
import type { AdminDeps } from '../admin/deps.ts';
import { Refusals } from '../admin/refusals.ts';
import { DnsView } from '../dns/view.ts';
import { PolicyBook } from '../policy/live/book.ts';
import { dnsConfig } from '../server/dns-config.ts';
import { Network } from '../state/network.ts';
import type { AuditEntry, NodeRecord, Role, UserRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';

export interface AdminLab {
  readonly network: Network;
  readonly clock: FakeClock;
  readonly deps: AdminDeps;
  /** Every entry since the start, oldest first. */
  readonly audit: readonly AuditEntry[];
  call<K extends CallName>(name: K, arg: CallArg<K>, by: Caller): Promise<CallResult<K>>;
  /** A user of this name and role, who acts in the console. */
  user(name: string, role: Role): Promise<Caller & { readonly userId: number }>;
  node(id: number, over?: Partial<NodeRecord>): Promise<NodeRecord>;
}

export async function adminLab(): Promise<AdminLab> {
  const clock = new FakeClock();
  const network = await Network.open({
    ...{ store: await openMemoryStore(0), clock, log: silent, defer: setImmediate },
  });
  const audit: AuditEntry[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  const deps: AdminDeps = {
    ...{ network, clock, log: silent, baseDomain: 'lab.test', live: undefined },
    dns: new DnsView({
      ...{ network, log: silent, baseDomain: 'lab.test', settings: dnsConfig(undefined, undefined).settings },
      attributesOf: () => [],
      groupsOf: () => [],
      hasIpv4: () => true,
    }),
    policy: new PolicyBook({ network, clock, log: silent, serverUrl: 'https://lab.test', file: undefined }),
    refusals: new Refusals(network, clock, silent),
  };
  return {
    ...{ network, clock, deps, audit },
    call: (name, arg, by) => carryOut(deps, name, arg, by),
    user: async (name, role) => {
      const { id, write } = network.nextId('user');
      const value: UserRecord = { ...sampleUser, id, name, role, approvedAt: 0, identity: undefined };
      await network.save({ writes: [write, { put: 'user', value }] });
      return { ...callerOfUser(value, 'console', '192.0.2.1'), userId: id };
    },
    node: async (id, over) => {
      const value = { ...sampleNode(id), ...over };
      await network.save({ writes: [{ put: 'node', value }] });
      return value;
    },
  };
}
