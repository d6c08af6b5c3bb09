/** Portals: whom it asks, what it takes for one, and what not (nat-traversal.md §2.5). */
import { describe, expect, test } from 'vitest';
import { silent } from '../log/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import {
  type CaptiveDeps,
  captiveEndpoints,
  detectCaptive,
  type HttpReply,
  looksCaptive,
  mayBeCaptive,
} from './captive.ts';
import { Netcheck } from './check.ts';
import { FakeServers, mapOf } from './testing/fake-servers.ts';

const map = mapOf({ 1: 1, 2: 2, 3: 1, 4: 4 }, { node: { CanPort80: true } });
const reply = (status: number, response?: string): HttpReply => ({
  status,
  header: (name) => (name === 'x-tailscale-response' ? response : undefined),
});
/** As a relay answers, so that nobody between could. */
const honest = (headers: Readonly<Record<string, string>>): HttpReply =>
  reply(204, `response ${headers['X-Tailscale-Challenge']}`);

function deps(
  get: CaptiveDeps['get'],
  names: readonly string[] = ['eth0'],
): CaptiveDeps & { clock: FakeClock } {
  return {
    clock: new FakeClock(),
    get,
    interfaces: () => names.map((name, at) => ({ name, ip4: `10.0.0.${at + 1}` })),
    platform: 'linux',
  };
}
const signal = new AbortController().signal;

describe('endpoints', () => {
  test('the home first, five at most, the given hosts behind the relays', () => {
    expect(captiveEndpoints(map, 2, ['control.example']).map(({ host }) => host)).toEqual([
      '198.51.2.1',
      '198.51.2.2',
      '198.51.1.1',
      '198.51.3.1',
      '198.51.4.1',
    ]);
    expect(captiveEndpoints(mapOf({ 1: 1 }), 1, ['control.example'])).toEqual([
      { host: 'control.example', isRelay: false },
    ]);
  });

  test('no relay by name, none that is to be avoided, none without IPv4', () => {
    const odd = mapOf(
      { 1: 1, 2: 1, 3: 1 },
      {
        node: { CanPort80: true, IPv4: '' },
        region: { 2: { Avoid: true, Nodes: map.Regions?.['1']?.Nodes }, 3: { NoMeasureNoHome: true } },
      },
    );
    expect(captiveEndpoints(odd, 1, [])).toEqual([]);
  });
});

test.each([
  ['what a relay answers', true, reply(204, 'response ts_192.0.2.1'), false],
  ['a page to sign in', true, reply(200), true],
  ['a redirect to one', true, reply(302), true],
  ['the right status without the proof', true, reply(204), true],
  ['the right status with a wrong proof', true, reply(204, 'response ts_192.0.2.2'), true],
  ['a server that proves nothing', false, reply(204), false],
])('%s', (_name, isRelay, answer, want) => {
  expect(looksCaptive({ host: '192.0.2.1', isRelay }, answer)).toBe(want);
});

test.each([
  ['eth0', 'linux', true],
  ['wlan0', 'linux', true],
  ['tailscale0', 'linux', false],
  ['rhumb0', 'linux', false],
  ['docker0', 'linux', false],
  ['WG0', 'linux', false],
  ['utun3', 'darwin', false],
  ['en0', 'darwin', true],
  ['rmnet_data0', 'android', false],
  ['rmnet_data0', 'linux', true],
])('%s on %s', (name, platform, want) => {
  expect(mayBeCaptive(name, platform)).toBe(want);
});

describe('detection', () => {
  test('asks each endpoint from each interface, with the time and a challenge', async () => {
    const asked: string[] = [];
    const world = deps(
      async (url, { from, headers }) => {
        asked.push(`${from} ${url} ${headers['X-Tailscale-Challenge']}`);
        return honest(headers);
      },
      ['eth0', 'tun0', 'wlan0'],
    );
    expect(await detectCaptive(world, mapOf({ 1: 1 }, { node: { CanPort80: true } }), 1, signal)).toBe(false);
    expect(asked).toEqual([
      '10.0.0.1 http://198.51.1.1/generate_204?t=1700000000 ts_198.51.1.1',
      '10.0.0.3 http://198.51.1.1/generate_204?t=1700000000 ts_198.51.1.1',
    ]);
    expect(world.clock.pending).toBe(0);
  });

  test('one answer that is not the server’s is enough, and ends the others', async () => {
    let aborted = 0;
    const world = deps((url, options) =>
      url.includes('198.51.3.1')
        ? Promise.resolve(reply(200))
        : new Promise((_, reject) => {
            options.signal.addEventListener('abort', () => {
              aborted++;
              reject(new Error('aborted'));
            });
          }),
    );
    expect(await detectCaptive(world, map, 1, signal)).toBe(true);
    expect(aborted).toBe(4);
  });

  test('errors and silence are no portal', async () => {
    expect(
      await detectCaptive(
        deps(() => Promise.reject(new Error('refused'))),
        map,
        1,
        signal,
      ),
    ).toBe(false);
    const world = deps(
      (_, options) =>
        new Promise((_resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    );
    const found = detectCaptive(world, map, 1, signal);
    await world.clock.advance(3_000);
    expect(await found).toBe(false);
  });

  test('with nobody to ask it says nothing', async () => {
    expect(
      await detectCaptive(
        deps(async () => reply(200)),
        mapOf({ 1: 1 }),
        1,
        signal,
      ),
    ).toBeUndefined();
    expect(
      await detectCaptive(
        deps(async () => reply(200), ['tun0']),
        map,
        1,
        signal,
      ),
    ).toBeUndefined();
  });
});

describe('in a check', () => {
  async function check(latencyMs: number | undefined, get: CaptiveDeps['get']) {
    const { clock: _, ...captive } = deps(get);
    const clock = new FakeClock();
    const one = mapOf({ 1: 1 }, { node: { CanPort80: true } });
    const net = new FakeServers(clock, latencyMs === undefined ? {} : { '198.51.1.1:3478': { latencyMs } });
    const netcheck = new Netcheck({ clock, log: silent, stun: net, captive });
    net.netcheck = netcheck;
    const run = async (full: boolean) => {
      const done = netcheck.run({ map: one, home: 1, full }, signal);
      await clock.advance(5_000);
      return (await done).captivePortal;
    };
    return { run, clock };
  }

  test('a portal is looked for when STUN has not answered after 200 ms', async () => {
    const { run, clock } = await check(undefined, async () => reply(302));
    expect(await run(true)).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('nobody is asked when it has, nor in a check of the nearest only', async () => {
    let asked = 0;
    const { run } = await check(20, async () => {
      asked++;
      return reply(302);
    });
    expect(await run(true)).toBeUndefined();
    expect(await run(false)).toBeUndefined();
    expect(asked).toBe(0);
  });

  test('a late answer to STUN ends the search', async () => {
    const { run } = await check(400, () => new Promise(() => undefined));
    expect(await run(true)).toBeUndefined();
  });
});
