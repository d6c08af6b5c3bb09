/** What the desk knows beyond the status: since when it is connected, how far relays are, what an organisation has fixed. */
import { afterEach, expect, test } from 'vitest';
import { State } from '../localapi/status.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Desk } from './desk.ts';
import { policyOf } from './policy.ts';
import { FakeApi, statusOf } from './testing/fake-api.ts';
import { ofManager } from './testing/of-manager.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item[Symbol.asyncDispose]();
});

function setUp(change: (api: FakeApi) => void) {
  const api = new FakeApi();
  change(api);
  const clock = new FakeClock();
  const desk = new Desk(ofManager({ api, clock }));
  open.push(desk);
  return { api, clock, desk };
}

const REGION = { RegionID: 1, RegionCode: 'fra', RegionName: 'Frankfurt' };

test('a rhumbd says since when it is connected, of when its key is, and how far the relays are', async () => {
  const { desk, clock } = setUp((api) =>
    api.answers.set('rhumb/facts', {
      RunningSince: '2026-01-01T00:00:00Z',
      KeyCreated: '2025-12-31T00:00:00Z',
      Relays: [{ ...REGION, LatencySeconds: 0.012 }],
    }),
  );
  await clock.advance(0);
  expect(desk.snapshot.connectedSinceMs).toBe(Date.parse('2026-01-01T00:00:00Z'));
  expect(desk.snapshot.self?.keyCreatedMs).toBe(Date.parse('2025-12-31T00:00:00Z'));
  expect(desk.snapshot.relays).toEqual([{ id: 1, code: 'fra', name: 'Frankfurt', latencyMs: 12 }]);
});

test('of another daemon the relays are known, and how far they are once somebody has measured, for ten minutes', async () => {
  const { desk, clock } = setUp((api) => {
    api.rhumbVersion = undefined;
    api.answers.set('derpmap', { Regions: { 1: { ...REGION, Nodes: [] } } });
  });
  await clock.advance(0);
  expect(desk.snapshot.relays).toMatchObject([{ code: 'fra', latencyMs: undefined }]);
  desk.measured(new Map([[1, 15]]));
  await clock.advance(200);
  expect(desk.snapshot.relays).toMatchObject([{ code: 'fra', latencyMs: 15 }]);
  await clock.advance(600_000);
  expect(desk.snapshot.relays).toMatchObject([{ code: 'fra', latencyMs: undefined }]);
});

test('since when another daemon is connected is known to who saw it come', async () => {
  const { api, desk, clock } = setUp((one) => {
    one.rhumbVersion = undefined;
  });
  await clock.advance(1_000);
  expect(desk.snapshot.connectedSinceMs).toBeUndefined();
  api.state = statusOf([], { BackendState: 'Stopped' });
  api.say({ State: State.Stopped });
  await clock.advance(1_000);
  const before = clock.now();
  api.state = statusOf([]);
  api.say({ State: State.Running });
  await clock.advance(200);
  expect(desk.snapshot.connectedSinceMs).toBe(before);
  api.state = statusOf([], { BackendState: 'Stopped' });
  api.say({ State: State.Stopped });
  await clock.advance(200);
  expect(desk.snapshot.connectedSinceMs).toBeUndefined();
});

test('an older rhumbd without these answers is followed all the same', async () => {
  const { desk, clock } = setUp(() => undefined);
  await clock.advance(5_000);
  expect(desk.snapshot.link.kind).toBe('ready');
  expect(desk.snapshot.relays).toEqual([]);
  expect(desk.snapshot.policy).toEqual({ organisation: '', fixed: [] });
});

test('what an organisation has fixed is known from the start, and when it changes', async () => {
  const { api, desk, clock } = setUp((one) =>
    one.answers.set('policy/', {
      Settings: {
        UseTailscaleSubnets: { Value: 'always' },
        ManagedByOrganizationName: { Value: 'Example Inc.' },
      },
    }),
  );
  await clock.advance(0);
  expect(desk.snapshot.policy).toEqual({ organisation: 'Example Inc.', fixed: ['acceptRoutes'] });
  api.say({ Policy: { Settings: {} } });
  await clock.advance(200);
  expect(desk.snapshot.policy.fixed).toEqual([]);
});

test.each([
  ['nothing', {}, []],
  ['no object', 'x', []],
  ['a server', { LoginURL: { Value: 'https://vpn.example.com' } }, ['server']],
  ['what is left to the user', { UseTailscaleSubnets: { Value: 'user-decides' } }, []],
  ['an exit node', { ExitNodeID: { Value: 'n1' }, ExitNodeIP: { Value: '100.64.0.1' } }, ['exitNodeId']],
  [
    'an exit node that may be changed',
    { ExitNodeID: { Value: 'n1' }, 'ExitNode.AllowOverride': { Value: true } },
    [],
  ],
  ['always on', { 'AlwaysOn.Enabled': { Value: true } }, ['wantRunning']],
  ['not always on', { 'AlwaysOn.Enabled': { Value: false } }, []],
  ['names of objects', JSON.parse('{"__proto__":{"Value":"always"},"constructor":{"Value":"always"}}'), []],
])('a policy of %s', (_name, Settings, fixed) => {
  expect(policyOf({ Settings }).fixed).toEqual(fixed);
});
