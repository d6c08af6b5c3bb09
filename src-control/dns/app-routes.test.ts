/** Split DNS for the domains of apps: to whom, while who is online, and when machines are told. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { type Change, nodeChange, What } from '../state/changes.ts';
import { Network } from '../state/network.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { AppRoutes } from './app-routes.ts';

const [VIEWER, GATE, SPARE] = [1, 2, 3];

async function setup() {
  const clock = new FakeClock();
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  const heard: Change[] = [];
  const put = async (id: number, over: Partial<NodeRecord>): Promise<void> => {
    const value = { ...(network.node(id)?.record ?? sampleNode(id)), ...over };
    await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(id, What.Whole)] });
    await turn();
  };
  const serving = (port: number) =>
    hostinfo.parse({
      Services: [
        { Proto: 'peerapi4', Port: port },
        { Proto: 'peerapi-dns-proxy', Port: 1 },
      ],
    });
  for (const id of [VIEWER, GATE, SPARE])
    await put(id, { ipv4: `100.64.0.${id}`, hostinfo: serving(4000 + id), expiry: undefined });
  const policy = {
    settle: () => undefined,
    hasApps: true,
    domains: new Map<number, readonly string[]>(),
    refused: new Set<number>(),
    connectors: () =>
      [...policy.domains].map(([id, domains]) => ({ id, domains, askers: [...policy.refused].join() })),
    mayAsk: (viewer: number) => !policy.refused.has(viewer),
    hasIpv4: () => true,
  };
  const routes = new AppRoutes({ network, policy, clock, defer: setImmediate });
  network.subscribe((changes) => heard.push(...changes.filter(({ kind }) => kind === 'dns')));
  const apply = async (): Promise<void> => {
    network.announce([{ kind: 'policy' }]);
    await turn();
  };
  const online = async (id: number, isOnline: boolean): Promise<void> => {
    network.setLive(id, { isOnline });
    network.announce([nodeChange(id, What.Online)]);
    await turn();
  };
  return { network, clock, policy, routes, heard, put, serving, apply, online };
}

const to = (id: number) => ({ Addr: `http://100.64.0.${id}:${4000 + id}/dns-query`, UseWithExitNode: true });

describe('routes of apps', () => {
  test('lead to every connector that is online, a wildcard to the name below the star', async () => {
    const { policy, routes, apply, online } = await setup();
    policy.domains.set(GATE, ['shop.test', '*.shop.test', '*.wild.test']).set(SPARE, ['shop.test']);
    await online(GATE, true);
    await online(SPARE, true);
    await apply();
    expect(routes.routesOf(VIEWER)).toEqual({ 'shop.test': [to(GATE), to(SPARE)], 'wild.test': [to(GATE)] });
    expect(routes.routesOf(VIEWER)).toBe(routes.routesOf(VIEWER));
  });

  test('a connector looks up its own domains itself', async () => {
    const { policy, routes, apply, online } = await setup();
    policy.domains.set(GATE, ['shop.test']).set(SPARE, ['shop.test', 'more.test']);
    for (const id of [GATE, SPARE]) await online(id, true);
    await apply();
    expect(routes.routesOf(GATE)).toEqual({ 'more.test': [to(SPARE)] });
    expect(routes.routesOf(SPARE)).toEqual({});
  });

  test('who may not ask has none', async () => {
    const { policy, routes, apply, online } = await setup();
    policy.domains.set(GATE, ['shop.test']);
    policy.refused.add(VIEWER);
    await online(GATE, true);
    await apply();
    expect(routes.routesOf(VIEWER)).toBeUndefined();
  });

  test('machines are told when a connector comes, moves and goes, and not otherwise', async () => {
    const { policy, routes, heard, put, serving, apply, online } = await setup();
    policy.domains.set(GATE, ['shop.test']);
    await apply();
    expect(heard).toHaveLength(0);
    await online(GATE, true);
    expect(heard).toHaveLength(1);
    await put(GATE, { hostinfo: serving(5000) });
    expect(heard).toHaveLength(2);
    expect(routes.routesOf(VIEWER)?.['shop.test']?.[0]?.Addr).toBe('http://100.64.0.2:5000/dns-query');
    await put(VIEWER, { hostname: 'other' });
    await apply();
    expect(heard).toHaveLength(2);
    await online(GATE, false);
    expect(heard).toHaveLength(3);
    expect(routes.routesOf(VIEWER)).toBeUndefined();
  });

  test('nobody asks one whose key has ended, or that has no such server', async () => {
    const { policy, routes, clock, put, apply, online } = await setup();
    policy.domains.set(GATE, ['shop.test']);
    await online(GATE, true);
    await apply();
    await put(GATE, { expiry: clock.now() - 1 });
    expect(routes.routesOf(VIEWER)).toBeUndefined();
    await put(GATE, { expiry: undefined, hostinfo: hostinfo.parse({}) });
    expect(routes.routesOf(VIEWER)).toBeUndefined();
  });

  test('nothing is looked at after the end', async () => {
    const { policy, routes, heard, network } = await setup();
    policy.domains.set(GATE, ['shop.test']);
    network.setLive(GATE, { isOnline: true });
    network.announce([{ kind: 'policy' }]);
    routes[Symbol.dispose]();
    await turn();
    expect(heard).toHaveLength(0);
  });
});
