/** What every store must do; run against each implementation. */
import { describe, expect, test } from 'vitest';
import { chainHash } from './audit-log.ts';
import type { Kind, NodeRecord, Put, Records, Write } from './records.ts';
import { sampleEntry, sampleIdentity, sampleNode, sampleRecords, sampleUser } from './sample-records.ts';
import { KINDS } from './schema.ts';
import type { Store } from './store.ts';

export interface StoreUnderTest {
  open(): Promise<Store>;
  /** Opens what an earlier `open` of this test left, after that was disposed; undefined when it keeps nothing. */
  reopen: (() => Promise<Store>) | undefined;
}

const user: Write = { put: 'user', value: sampleUser };
const put = (value: NodeRecord): Write => ({ put: 'node', value });

export function storeSuite(name: string, make: () => StoreUnderTest): void {
  describe(name, () => {
    test('begins empty', async () => {
      await using store = await make().open();
      const found = await store.load();
      expect([
        found.tables.user,
        found.tables.node,
        found.tables.authKey,
        found.tables.adminCode,
        found.tables.grant,
        found.settings.size,
      ]).toEqual([[], [], [], [], [], 0]);
    });

    test('gives back every kind of record as it was put, with everything and with nothing that may be absent', async () => {
      for (const records of [sampleRecords, withoutOptional(sampleRecords)]) {
        await using store = await make().open();
        const puts = Object.entries(records).map(([kind, value]) => ({ put: kind, value }) as Put);
        await store.commit([...puts, { put: 'setting', key: 'a', value: 'b' }]);
        const found = await store.load();
        for (const kind of KINDS) expect([kind, found.tables[kind]]).toEqual([kind, [records[kind]]]);
        expect([...found.settings]).toEqual([['a', 'b']]);
      }
    });

    test('removes every kind of record', async () => {
      await using store = await make().open();
      const puts = Object.entries(sampleRecords).map(([kind, value]) => ({ put: kind, value }) as Put);
      await store.commit(puts);
      await store.commit(
        puts.toReversed().map((one) => ({ remove: one.put, id: one.value.id }) satisfies Write),
      );
      expect(Object.values((await store.load()).tables).flat()).toEqual([]);
    });

    test('gives back who a user is at a provider, and the grants', async () => {
      await using store = await make().open();
      const users = [
        sampleUser,
        { ...sampleUser, id: 2, name: 'bob', identity: sampleIdentity('b'), suspendedAt: 13 },
        // The subject alone is nobody: the same one at another provider is another person.
        {
          ...sampleUser,
          id: 3,
          name: 'bob-2',
          identity: { ...sampleIdentity('b'), issuer: 'https://other.example', email: undefined, groups: [] },
        },
      ];
      const grants = [
        { id: 2, sealedToken: new Uint8Array([1, 255]), checkedAt: 5 },
        { id: 3, sealedToken: new Uint8Array([2]), checkedAt: 6 },
      ];
      await store.commit([
        ...users.map((value) => ({ put: 'user', value }) as const),
        ...grants.map((value) => ({ put: 'grant', value }) as const),
      ]);
      await store.commit([
        { remove: 'grant', id: 3 },
        { put: 'grant', value: { id: 2, sealedToken: new Uint8Array([7]), checkedAt: 8 } },
      ]);
      const found = await store.load();
      expect(found.tables.user).toEqual(users);
      expect(found.tables.grant).toEqual([{ id: 2, sealedToken: new Uint8Array([7]), checkedAt: 8 }]);
    });

    test('refuses a second user of the same identity, and a grant of nobody', async () => {
      await using store = await make().open();
      const bob = { ...sampleUser, identity: sampleIdentity('b') };
      await store.commit([{ put: 'user', value: bob }]);
      await expect(store.commit([{ put: 'user', value: { ...bob, id: 2, name: 'x' } }])).rejects.toThrow();
      const grant = { id: 9, sealedToken: new Uint8Array(), checkedAt: 0 };
      await expect(store.commit([{ put: 'grant', value: grant }])).rejects.toThrow();
      expect((await store.load()).tables.user).toEqual([bob]);
    });

    test('a second put replaces, a removal removes, also within one commit', async () => {
      await using store = await make().open();
      await store.commit([user, put(sampleNode(1)), put(sampleNode(2))]);
      await store.commit([
        put(sampleNode(1, { givenName: 'renamed' })),
        { remove: 'node', id: 2 },
        put(sampleNode(3, { givenName: 'host-2', ipv4: '100.64.0.2', ipv6: 'fd7a:115c:a1e0::2' })),
        { put: 'setting', key: 'a', value: '1' },
        { put: 'setting', key: 'a', value: '2' },
      ]);
      const found = await store.load();
      expect(found.tables.node.map((node) => [node.id, node.givenName])).toEqual([
        [1, 'renamed'],
        [3, 'host-2'],
      ]);
      expect(found.settings.get('a')).toBe('2');
    });

    test.each([
      ['node key', { nodeKey: sampleNode(1).nodeKey }],
      ['name', { givenName: 'host-1' }],
      ['IPv4 address', { ipv4: '100.64.0.1' }],
      ['IPv6 address', { ipv6: 'fd7a:115c:a1e0::1' }],
      ['machine of a user', { machineKey: sampleNode(1).machineKey }],
      ['user that does not exist', { userId: 99 }],
    ])('refuses a commit with a %s twice or missing, and nothing of it stays', async (_what, clash) => {
      await using store = await make().open();
      await store.commit([user, put(sampleNode(1))]);
      await expect(
        store.commit([{ put: 'setting', key: 'x', value: 'y' }, put(sampleNode(2, clash))]),
      ).rejects.toThrow();
      const found = await store.load();
      expect(found.tables.node).toHaveLength(1);
      expect(found.settings.size).toBe(0);
      await store.commit([put(sampleNode(2))]);
    });

    test('a machine belongs to a user or to tags, never to both or to none', async () => {
      await using store = await make().open();
      await store.commit([user]);
      for (const clash of [{ tags: ['tag:x'] }, { userId: undefined }])
        await expect(store.commit([put(sampleNode(1, clash))])).rejects.toThrow();
    });

    test('a machine may be of several users, and of tags once', async () => {
      await using store = await make().open();
      const { machineKey } = sampleNode(1);
      await store.commit([
        user,
        { put: 'user', value: { ...sampleUser, id: 2, name: 'bob' } },
        put(sampleNode(1)),
        put(sampleNode(2, { machineKey, userId: 2 })),
        put(sampleNode(3, { machineKey, userId: undefined, tags: ['tag:x'] })),
      ]);
      const again = sampleNode(4, { machineKey, userId: undefined, tags: ['tag:y'] });
      await expect(store.commit([put(again)])).rejects.toThrow();
    });

    test('chains the audit log, in the transaction of what it tells about', async () => {
      await using store = await make().open();
      await store.commit([
        user,
        { audit: sampleEntry(1) },
        { audit: sampleEntry(2, { old: 'a', new: 'b' }) },
      ]);
      const lost = [{ audit: sampleEntry(3) }, put(sampleNode(1, { userId: 99 }))];
      await expect(store.commit(lost)).rejects.toThrow();
      await store.commit([{ audit: sampleEntry(4) }]);
      const rows = await store.audit.rows(0, 10);
      let before = (await store.audit.anchor()).hash;
      for (const row of rows) {
        expect(row.hash).toBe(chainHash(before, row.entry));
        before = row.hash;
      }
      expect(rows.map((row) => row.seq)).toEqual([1, 2, 3]);
      expect((await store.auditLog({ limit: 10 })).map(({ entry }) => entry.at)).toEqual([4, 2, 1]);
      expect(await store.audit.rows(1, 1)).toEqual([rows[1]]);
    });

    test('finds entries of the audit log by who, what, when', async () => {
      await using store = await make().open();
      const byKey = { origin: 'api', id: '7', name: 'ci' } as const;
      await store.commit([
        { audit: sampleEntry(10) },
        { audit: sampleEntry(20, { actor: byKey, action: 'delete' }) },
        { audit: sampleEntry(30, { target: { type: 'node', id: '5', name: 'x', property: 'tags' } }) },
      ]);
      const at = async (query: object): Promise<readonly number[]> =>
        (await store.auditLog({ limit: 10, ...query })).map(({ entry }) => entry.at);
      expect(await at({ actor: 'api:7' })).toEqual([20]);
      expect(await at({ action: 'create' })).toEqual([30, 10]);
      expect(await at({ target: 'node:5' })).toEqual([30]);
      expect(await at({ from: 20, until: 30 })).toEqual([20]);
      expect(await at({ beforeSeq: 3, limit: 1 })).toEqual([20]);
    });

    test('forgets old entries from the beginning, and the chain goes on from there', async () => {
      await using store = await make().open();
      // The third was written after a clock had gone back: what is behind a kept row stays.
      for (const at of [1, 2, 50, 3]) await store.commit([{ audit: sampleEntry(at) }]);
      const all = await store.audit.rows(0, 10);
      expect(await store.audit.prune(10, 1)).toBe(1);
      expect(await store.audit.prune(10, 100)).toBe(1);
      expect(await store.audit.prune(10, 100)).toBe(0);
      expect(await store.audit.anchor()).toEqual({ seq: 2, hash: all[1]?.hash });
      expect(await store.audit.rows(0, 10)).toEqual(all.slice(2));
      expect(await store.audit.prune(1_000, 100)).toBe(2);
      await store.commit([{ audit: sampleEntry(60) }]);
      const [row] = await store.audit.rows(0, 10);
      expect(row?.seq).toBe(5);
      expect(row?.hash).toBe(chainHash(all[3]?.hash ?? '', row?.entry ?? ''));
    });

    test('has nothing wrong with it', async () => {
      await using store = await make().open();
      await store.commit([user, put(sampleNode(1))]);
      expect(await store.disk.problems()).toEqual([]);
    });

    test('what was committed is there after opening again', async () => {
      const under = make();
      const store = await under.open();
      await store.commit([user, put(sampleNode(1))]);
      await store[Symbol.asyncDispose]();
      if (under.reopen === undefined) return;
      await using again = await under.reopen();
      expect((await again.load()).tables.node).toEqual([sampleNode(1)]);
    });
  });
}

type Samples = { readonly [K in Kind]: Records[K] };

/** What a record may lack it lacks here; nobody owns the machine's key any more, so the machine has an owner. */
function withoutOptional(records: Samples): Samples {
  const { user, authKey, adminCode, apiKey, passkey, webhook, delivery } = records;
  const gone = undefined;
  return {
    ...records,
    user: { ...user, identity: gone, suspendedAt: gone, approvedAt: gone },
    node: sampleNode(1, { discoKey: gone, expiry: gone, approvedAt: gone }),
    authKey: {
      ...{ ...authKey, userId: gone, maxUses: gone, expiresAt: gone, usedAt: gone, revokedAt: gone },
      ...{ ipv4: gone, ipv6: gone, hostname: gone },
    },
    adminCode: { ...adminCode, usedAt: gone },
    apiKey: { ...apiKey, userId: gone, expiresAt: gone, lastUsedAt: gone, revokedAt: gone },
    passkey: { ...passkey, lastUsedAt: gone },
    webhook: { ...webhook, disabledAt: gone, previousSecret: gone, previousUntil: gone },
    delivery: { ...delivery, nextAt: gone, deliveredAt: gone, status: gone, problem: gone },
  };
}
