/** Routes that the policy approves by itself: when, which, and not again what an administrator took away. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { nodeChange, What } from '../state/changes.ts';
import { Network } from '../state/network.ts';
import type { AuditEntry, NodeRecord } from '../store/records.ts';
import { sampleNode, sampleRecords, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { approveRoutes } from './approve.ts';
import { AutoApproval } from './auto-approval.ts';

const BY = { origin: 'cli', id: '', name: 'test' } as const;

async function setup() {
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock: new FakeClock(),
    log: silent,
    defer: setImmediate,
  });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  const audit: AuditEntry[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  const approves = new Set<string>();
  const ofApps = new Set<string>();
  let settled = 0;
  const policy = {
    settle: () => {
      settled += 1;
    },
    autoApprovedOf: (id: number) =>
      (network.node(id)?.record.hostinfo.RoutableIPs ?? []).filter((route) => approves.has(route)),
    routesOfApps: (_: number, routes: readonly string[]) => new Set(routes).intersection(ofApps),
  };
  const watching = new AutoApproval({ network, policy, log: silent, defer: setImmediate });
  const put = async (value: NodeRecord, what: number): Promise<void> => {
    await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(value.id, what)] });
    await settle();
    await network.settled();
    await settle();
  };
  const announce = (routes: readonly string[], over: Partial<NodeRecord> = {}): Promise<void> =>
    put(
      {
        ...(network.node(1)?.record ?? sampleNode(1)),
        hostinfo: hostinfo.parse({ RoutableIPs: routes }),
        ...over,
      },
      What.Whole | What.Routes,
    );
  const approved = (): readonly string[] => network.node(1)?.record.approvedRoutes ?? [];
  return { network, audit, approves, ofApps, policy, watching, announce, approved, rounds: () => settled };
}

test('a machine that comes with routes has those that the policy approves', async () => {
  const { approves, announce, approved, audit } = await setup();
  approves.add('10.0.0.0/8');
  await announce(['10.0.0.0/8', '192.168.0.0/24']);
  expect(approved()).toEqual(['10.0.0.0/8']);
  expect(audit).toMatchObject([
    {
      action: 'approve',
      actor: { origin: 'system' },
      old: '',
      new: '10.0.0.0/8',
      target: { property: 'routes' },
    },
  ]);
});

test('exit routes come in pairs', async () => {
  const { approves, announce, approved } = await setup();
  approves.add('0.0.0.0/0');
  await announce(['0.0.0.0/0']);
  expect(approved()).toEqual(['0.0.0.0/0', '::/0']);
});

test('another route, or another owner, is judged anew; what was approved stays', async () => {
  const { approves, announce, approved } = await setup();
  approves.add('10.0.0.0/8');
  await announce(['10.0.0.0/8']);
  approves.delete('10.0.0.0/8');
  approves.add('10.9.0.0/16');
  await announce(['10.9.0.0/16']);
  expect(approved()).toEqual(['10.0.0.0/8', '10.9.0.0/16']);
  approves.add('10.0.0.0/8');
  await announce(['10.9.0.0/16', '172.16.0.0/12']);
  approves.add('172.16.0.0/12');
  await announce(['10.9.0.0/16', '172.16.0.0/12'], { userId: undefined, tags: ['tag:a'] });
  expect(approved()).toContain('172.16.0.0/12');
});

test('what an administrator takes away is not given back by the same announcement', async () => {
  const { approves, announce, approved, network } = await setup();
  approves.add('10.0.0.0/8');
  await announce(['10.0.0.0/8']);
  const record = network.node(1)?.record;
  if (record === undefined) throw new Error('no node');
  await approveRoutes(network, record, { set: [] }, BY);
  await settle();
  await announce(['10.0.0.0/8']);
  expect(approved()).toEqual([]);
});

test('another policy judges every router', async () => {
  const { approves, announce, approved, network } = await setup();
  await announce(['10.0.0.0/8']);
  approves.add('10.0.0.0/8');
  network.announce([{ kind: 'policy' }]);
  await settle();
  await network.settled();
  expect(approved()).toEqual(['10.0.0.0/8']);
});

test('another policy that came while the server was down judges every router, the same one none', async () => {
  const { approves, announce, approved, network, watching, policy } = await setup();
  const version = (id: number) =>
    ({ put: 'policy', value: { ...sampleRecords.policy, id, text: `${id}` } }) as const;
  await network.save({ writes: [version(1)], changes: [{ kind: 'policy' }] });
  await announce(['10.0.0.0/8']);
  watching[Symbol.dispose]();
  approves.add('10.0.0.0/8');
  const restart = async (): Promise<void> => {
    const again = new AutoApproval({ network, policy, log: silent, defer: setImmediate });
    await settle();
    await network.settled();
    again[Symbol.dispose]();
  };
  await network.save({ writes: [version(2)] });
  await restart();
  expect(approved()).toEqual(['10.0.0.0/8']);
  const record = network.node(1)?.record;
  if (record === undefined) throw new Error('no node');
  await approveRoutes(network, record, { set: [] }, BY);
  await restart();
  expect(approved()).toEqual([]);
});

test('what has nothing to do with routes costs nothing', async () => {
  const { announce, network, rounds, watching } = await setup();
  await announce([]);
  const before = rounds();
  for (let n = 0; n < 100; n++) network.announce([nodeChange(1, What.Endpoints | What.Online)]);
  network.announce([nodeChange(1, What.Whole)]);
  await settle();
  expect(rounds()).toBe(before);
  watching[Symbol.dispose]();
});

test('what an app brought is forgotten once it is no longer announced', async () => {
  const { approves, ofApps, announce, approved } = await setup();
  for (const route of ['192.0.2.1/32', '192.0.2.2/32']) {
    approves.add(route);
    ofApps.add(route);
  }
  approves.add('10.0.0.0/8');
  await announce(['192.0.2.1/32', '192.0.2.2/32', '10.0.0.0/8']);
  expect(approved()).toEqual(['10.0.0.0/8', '192.0.2.1/32', '192.0.2.2/32']);
  await announce(['192.0.2.2/32']);
  expect(approved()).toEqual(['10.0.0.0/8', '192.0.2.2/32']);
  await announce([]);
  expect(approved()).toEqual(['10.0.0.0/8']);
  await announce(['192.0.2.1/32']);
  expect(approved()).toEqual(['10.0.0.0/8', '192.0.2.1/32']);
});
