/** What machines are told about names: settings of file and administrators, overrides, records, NextDNS, certificates. */
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type Change, nodeChange, What } from '../state/changes.ts';
import { Network } from '../state/network.ts';
import { renameNode } from '../state/nodes.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import type { SplitRoutes } from './app-routes.ts';
import { parseRecord } from './record.ts';
import { DNS_SETTING, type DnsSettings, type GivenChoice, parseChoice, writeStored } from './settings.ts';
import { DnsView } from './view.ts';

const BASE = 'net.example';

interface Options {
  readonly choice?: GivenChoice;
  readonly settings?: Partial<DnsSettings>;
  readonly records?: readonly (readonly [name: string, type: string, value: string])[];
  readonly attributes?: Record<number, readonly string[]>;
  readonly groups?: Record<number, readonly string[]>;
  readonly apps?: Record<number, SplitRoutes>;
}

async function setup(options: Options = {}): Promise<{ view: DnsView; network: Network; heard: Change[] }> {
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock: new FakeClock(),
    log: silent,
    defer: setImmediate,
  });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  for (const id of [1, 2]) await putNode(network, sampleNode(id));
  const heard: Change[] = [];
  const view = new DnsView({
    network,
    log: silent,
    baseDomain: BASE,
    settings: {
      choice: parseChoice(options.choice ?? {}, ''),
      records: (options.records ?? []).map(([name, type, value]) => parseRecord({ name, type, value }, name)),
      recordsPath: undefined,
      overrides: [],
      exitNodeFiltered: [],
      responderAddress: undefined,
      canPublish: false,
      ...options.settings,
    },
    attributesOf: (id) => options.attributes?.[id] ?? [],
    groupsOf: (id) => options.groups?.[id] ?? [],
    hasIpv4: () => true,
    appRoutesOf: (id) => options.apps?.[id],
  });
  network.subscribe((changes) => heard.push(...changes));
  return { view, network, heard };
}

const putNode = (network: Network, value: NodeRecord): Promise<void> =>
  network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(value.id, What.Whole)] });

const override = (choice: GivenChoice, whom: { users?: string[]; groups?: string[]; tags?: string[] }) => ({
  users: whom.users ?? [],
  groups: whom.groups ?? [],
  tags: whom.tags ?? [],
  choice: parseChoice(choice, ''),
  records: [],
});

describe('the common part', () => {
  test('without settings machines only search the base domain', async () => {
    const { view } = await setup();
    expect(view.configOf(1)).toEqual({ Domains: [BASE], Proxied: false });
  });

  test('with MagicDNS machines answer for the base domain and the reverse zones themselves', async () => {
    const { view } = await setup({ choice: { magicDns: true } });
    const { Routes, Domains, Proxied } = view.configOf(1);
    expect({ Domains, Proxied }).toEqual({ Domains: [BASE], Proxied: true });
    expect(Object.keys(Routes ?? {})).toHaveLength(66);
    expect(Object.values(Routes ?? {}).every((list) => list.length === 0)).toBe(true);
    expect(Routes).toHaveProperty(['64.100.in-addr.arpa']);
    expect(Routes).toHaveProperty(['0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa']);
  });

  test('nameservers take the place of a machine’s own, unless they are only for want of others', async () => {
    const servers = ['1.1.1.1', { address: '[2001:db8::1]:53', useWithExitNode: true }];
    const wire = [{ Addr: '1.1.1.1' }, { Addr: '[2001:db8::1]:53', UseWithExitNode: true }];
    const instead = await setup({ choice: { nameservers: servers } });
    expect(instead.view.configOf(1)).toEqual({ Resolvers: wire, Domains: [BASE], Proxied: false });
    const beside = await setup({ choice: { nameservers: servers, overrideLocalDns: false } });
    expect(beside.view.configOf(1)).toEqual({ FallbackResolvers: wire, Domains: [BASE], Proxied: false });
  });

  test('split DNS, search domains and filtered names go out as they are', async () => {
    const { view } = await setup({
      choice: { splitDns: { 'Corp.Example.': ['10.0.0.53'] }, searchDomains: ['corp.example', BASE] },
      settings: { exitNodeFiltered: ['.corp.example'] },
    });
    expect(view.configOf(1)).toEqual({
      Routes: { 'corp.example': [{ Addr: '10.0.0.53' }] },
      Domains: [BASE, 'corp.example'],
      Proxied: false,
      ExitNodeFilteredSet: ['.corp.example'],
    });
  });

  test('what administrators set goes over the file, and the same object stays while nothing changes', async () => {
    const { view, network } = await setup({ choice: { nameservers: ['1.1.1.1'] } });
    const before = view.configOf(1);
    expect(view.configOf(2)).toBe(before);
    await network.save({ writes: [], changes: [{ kind: 'dns' }] });
    expect(view.configOf(1)).toBe(before);
    const value = writeStored(parseChoice({ magicDns: true, nameservers: ['9.9.9.9'] }, ''));
    await network.save({ writes: [{ put: 'setting', key: DNS_SETTING, value }], changes: [{ kind: 'dns' }] });
    expect(view.configOf(1)).toMatchObject({ Resolvers: [{ Addr: '9.9.9.9' }], Proxied: true });
  });

  test('a setting that can’t be read is as if there were none', async () => {
    const { view, network } = await setup({ choice: { magicDns: true } });
    await network.save({
      writes: [{ put: 'setting', key: DNS_SETTING, value: '{"nameservers":["tls://x"]}' }],
      changes: [{ kind: 'dns' }],
    });
    expect(view.effective).toMatchObject({ magicDns: true, nameservers: [] });
  });
});

describe('overrides', () => {
  test('machines of a user, a group or a tag get what is theirs, the others what is common', async () => {
    const { view, network } = await setup({
      choice: { nameservers: ['1.1.1.1'], splitDns: { 'corp.example': ['10.0.0.53'] } },
      settings: {
        overrides: [
          override({ nameservers: ['9.9.9.9'] }, { tags: ['tag:kiosk'] }),
          override({ splitDns: { 'lab.example': ['10.9.0.53'] } }, { users: [sampleUser.name] }),
        ],
      },
    });
    await putNode(network, { ...sampleNode(2), userId: undefined, tags: ['tag:kiosk'] });
    expect(view.configOf(1)).toMatchObject({
      Resolvers: [{ Addr: '1.1.1.1' }],
      Routes: { 'corp.example': [{ Addr: '10.0.0.53' }], 'lab.example': [{ Addr: '10.9.0.53' }] },
    });
    expect(view.configOf(2).Resolvers).toEqual([{ Addr: '9.9.9.9' }]);
    expect(Object.keys(view.configOf(2).Routes ?? {})).toEqual(['corp.example']);
  });

  test('groups come from whoever knows them', async () => {
    const { view } = await setup({
      settings: { overrides: [override({ nameservers: ['9.9.9.9'] }, { groups: ['group:ops'] })] },
      groups: { [sampleUser.id]: ['group:ops'] },
    });
    expect(view.configOf(1).Resolvers).toEqual([{ Addr: '9.9.9.9' }]);
  });
});

describe('aliases of machines', () => {
  test('an alias has the machine’s addresses, and the new ones once they change', async () => {
    const { view, network, heard } = await setup({
      choice: { magicDns: true },
      records: [[`wiki.${BASE}`, 'CNAME', `host-1.${BASE}`]],
    });
    const { ipv4, ipv6 } = sampleNode(1);
    const records = [
      { Name: `wiki.${BASE}`, Type: 'A', Value: ipv4 },
      { Name: `wiki.${BASE}`, Type: 'AAAA', Value: ipv6 },
    ];
    expect(view.configOf(2).ExtraRecords).toEqual(records);
    await putNode(network, { ...sampleNode(1), ipv4: '100.64.9.9' });
    expect(view.configOf(2).ExtraRecords?.[0]?.Value).toBe('100.64.9.9');
    expect(heard).toContainEqual({ kind: 'dns' });
  });

  test('a machine that is renamed loses its alias with a warning; nothing is said about machines without one', async () => {
    const { view, network, heard } = await setup({
      choice: { magicDns: true },
      records: [[`wiki.${BASE}`, 'CNAME', `host-1.${BASE}`]],
    });
    expect(view.warnings).toEqual([]);
    const other = network.node(2)?.record;
    if (other !== undefined) await renameNode(network, other, 'elsewhere');
    expect(heard).not.toContainEqual({ kind: 'dns' });
    const record = network.node(1)?.record;
    if (record !== undefined) await renameNode(network, record, 'moved');
    expect(view.configOf(2).ExtraRecords).toBeUndefined();
    expect(view.warnings[0]).toMatch(/host-1.net.example is neither a machine/);
    expect(heard).toContainEqual({ kind: 'dns' });
  });

  test('a machine that joins under the name, or leaves, is noticed; thousands of others cost a look each', async () => {
    const { view, network, heard } = await setup({
      choice: { magicDns: true },
      records: [[`wiki.${BASE}`, 'CNAME', `host-3.${BASE}`]],
    });
    expect(view.configOf(1).ExtraRecords).toBeUndefined();
    const before = view.configOf(1);
    await putNode(network, sampleNode(4));
    expect([view.configOf(1), heard.filter(({ kind }) => kind === 'dns')]).toEqual([before, []]);
    await putNode(network, sampleNode(3));
    expect(view.configOf(1).ExtraRecords).toHaveLength(2);
    await network.save({
      writes: [{ remove: 'node', id: 3 }],
      changes: [{ kind: 'removed', id: 3 }],
    });
    expect(view.configOf(1).ExtraRecords).toBeUndefined();
    expect(heard.filter(({ kind }) => kind === 'dns')).toHaveLength(2);
  });

  test('a wildcard that is a machine is told as that machine’s capability', async () => {
    const { view } = await setup({
      choice: { magicDns: true },
      records: [[`*.host-1.${BASE}`, 'CNAME', `host-1.${BASE}`]],
    });
    expect(view.peerCapsOf(1)).toEqual({ 'dns-subdomain-resolve': [] });
    expect(view.capsOf(2)).toEqual({});
    expect(view.warnings).toEqual([]);
  });
});

describe('what differs from machine to machine', () => {
  test('NextDNS learns who asks, unless an attribute says no; another one chooses the profile', async () => {
    const { view } = await setup({
      choice: { nameservers: ['https://dns.nextdns.io/abc123', '1.1.1.1'] },
      attributes: { 2: ['nextdns:no-device-info', 'nextdns:kids', 'nextdns:../evil'] },
    });
    const { hostname, ipv4 } = sampleNode(1);
    const [mine, plain] = view.configOf(1).Resolvers ?? [];
    expect(plain).toEqual({ Addr: '1.1.1.1' });
    const url = new URL(mine?.Addr ?? '');
    expect(url.pathname).toBe('/abc123');
    expect(url.searchParams.get('device_name')).toBe(hostname);
    expect(url.searchParams.get('device_ip')).toBe(ipv4);
    expect(view.configOf(2).Resolvers?.[0]).toEqual({ Addr: 'https://dns.nextdns.io/kids' });
    expect(view.configOf(1)).toBe(view.configOf(1));
  });

  test('new endpoints of a machine leave its configuration the same object', async () => {
    const { view, network } = await setup({ settings: { canPublish: true } });
    const before = view.configOf(1);
    await putNode(network, { ...sampleNode(1), endpoints: ['192.0.2.7:1'], endpointTypes: [1] });
    expect(view.configOf(1)).toBe(before);
  });

  test('with certificates each machine has its own name and the capability', async () => {
    const { view, network } = await setup({ settings: { canPublish: true } });
    expect(view.configOf(1).CertDomains).toEqual([`host-1.${BASE}`]);
    expect(view.configOf(2).CertDomains).toEqual([`host-2.${BASE}`]);
    expect(view.capsOf(1)).toEqual({ https: [] });
    await network.save({
      writes: [{ put: 'setting', key: DNS_SETTING, value: writeStored({ https: false }) }],
      changes: [{ kind: 'dns' }],
    });
    expect(view.configOf(1).CertDomains).toBeUndefined();
    expect(view.capsOf(1)).toEqual({});
  });
});

describe('domains of apps', () => {
  const connector = [{ Addr: 'http://100.64.0.9:4000/dns-query', UseWithExitNode: true as const }];

  test('only machines that may ask a connector are sent there, before split DNS and never for the base domain', async () => {
    const apps: Record<number, SplitRoutes> = {
      1: { 'shop.test': connector, [BASE]: connector, [`web.${BASE}`]: connector },
    };
    const choice = { magicDns: true, splitDns: { 'shop.test': ['10.0.0.53'], 'corp.test': ['10.0.0.53'] } };
    const { view } = await setup({ choice, apps });
    const [mine, others] = [view.configOf(1), view.configOf(2)];
    expect(mine.Routes?.['shop.test']).toEqual(connector);
    expect(others.Routes?.['shop.test']).toEqual([{ Addr: '10.0.0.53' }]);
    expect(mine.Routes?.['corp.test']).toEqual([{ Addr: '10.0.0.53' }]);
    expect(mine.Routes?.[BASE]).toEqual([]);
    expect(mine.Routes).not.toHaveProperty([`web.${BASE}`]);
    expect(view.configOf(1)).toBe(mine);
    apps[1] = { 'new.test': connector };
    expect(view.configOf(1).Routes).toHaveProperty(['new.test']);
    delete apps[1];
    expect(view.configOf(1)).toBe(view.configOf(2));
  });
});
