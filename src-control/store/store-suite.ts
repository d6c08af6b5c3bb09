/** What every store must do; run against each implementation. */
import { describe, expect, test } from 'vitest';
import { parseDiscoKey, parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import type { NodeRecord, UserIdentity, Write } from './records.ts';
import type { Store } from './store.ts';

export interface StoreUnderTest {
  open(): Promise<Store>;
  /** Opens what an earlier `open` of this test left, after that was disposed; undefined when it keeps nothing. */
  reopen: (() => Promise<Store>) | undefined;
}

const hex = (n: number): string => n.toString(16).padStart(64, '0');

export const sampleUser = {
  id: 1,
  name: 'alice',
  displayName: 'Alice',
  createdAt: 1_000,
  role: 'member',
  approvedAt: 1_000,
} as const;

const sampleIdentity = (subject: string): UserIdentity => ({
  issuer: 'https://id.example.com',
  subject,
  provider: 'example',
  email: 'bob@example.com',
  pictureUrl: 'https://id.example.com/bob.png',
  groups: ['staff', 'ops, night'],
  claimsAt: 11,
  lastLoginAt: 12,
});

export const sampleNode = (id: number, over: Partial<NodeRecord> = {}): NodeRecord => ({
  id,
  machineKey: parseMachineKey(`mkey:${hex(id + 1_000)}`),
  nodeKey: parseNodeKey(`nodekey:${hex(id + 2_000)}`),
  discoKey: parseDiscoKey(`discokey:${hex(id + 3_000)}`),
  userId: 1,
  hostname: `Host ${id}`,
  givenName: `host-${id}`,
  givenNameLocked: id % 2 === 0,
  ipv4: `100.64.0.${id}`,
  ipv6: `fd7a:115c:a1e0::${id}`,
  registerMethod: 'authkey',
  authKeyId: undefined,
  ephemeral: false,
  expiry: 5_000_000,
  createdAt: 2_000,
  lastSeen: undefined,
  hostinfo: hostinfo.parse({ OS: 'linux', Hostname: `Host ${id}` }),
  endpoints: ['192.0.2.1:41641'],
  endpointTypes: [1],
  homeDerp: 900,
  capver: 130,
  tags: [],
  approvedRoutes: [],
  approvedAt: 2_000,
  disabledAt: undefined,
  keyExpiryDisabled: false,
  attributes: {},
  routePriority: undefined,
  createdBy: '',
  ...over,
});

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

    test('gives back every kind of record as it was put', async () => {
      await using store = await make().open();
      const key = {
        id: 3,
        prefix: 'abcdefghijkl',
        hash: new Uint8Array([1, 2, 255]),
        userId: 1,
        reusable: true,
        ephemeral: false,
        createdAt: 7,
        expiresAt: undefined,
        usedAt: 9,
        tags: ['tag:ci'],
        isPreapproved: true,
        maxUses: 7,
        useCount: 1,
        revokedAt: undefined,
        description: 'builds',
        ipv4: '100.64.9.9',
        ipv6: undefined,
        hostname: 'runner',
        createdBy: 'cli',
      };
      const code = {
        id: 4,
        hash: new Uint8Array([9]),
        purpose: 'console' as const,
        userId: 1,
        createdAt: 1,
        expiresAt: 2,
        usedAt: undefined,
      };
      const nodes = [
        sampleNode(1, { authKeyId: 3 }),
        sampleNode(2, { discoKey: undefined, expiry: undefined, lastSeen: 77 }),
      ];
      await store.commit([
        user,
        { put: 'authKey', value: key },
        { put: 'adminCode', value: code },
        ...nodes.map(put),
        { put: 'setting', key: 'a', value: 'b' },
      ]);
      const found = await store.load();
      expect(found.tables.user).toEqual([sampleUser]);
      expect(found.tables.node).toEqual(nodes);
      expect(found.tables.authKey).toEqual([key]);
      expect(found.tables.adminCode).toEqual([code]);
      expect([...found.settings]).toEqual([['a', 'b']]);
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
