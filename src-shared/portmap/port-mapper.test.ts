/** The port mapper and a router under a fake clock: made, renewed, lost, made again, released; and what goes wrong on the way. */
import { describe, expect, test } from 'vitest';
import type { SockAddr } from '../ip/address.ts';
import { silent } from '../log/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { PortMapper } from './port-mapper.ts';
import { FakeRouter, GATEWAY, SELF } from './testing/fake-router.ts';
import type { Gateway, Mapping } from './types.ts';

const PORT = 41_641;
const HALF_MS = 3_600_000;

function setUp(quirks: Partial<FakeRouter> = {}) {
  const clock = new FakeClock();
  const router = Object.assign(new FakeRouter(clock), quirks);
  let draws = 0;
  const scene = { gateway: { gateway: GATEWAY, self: SELF } as Gateway | undefined };
  /** What `mapped` gave each time it was said to have changed. */
  const told: (SockAddr | undefined)[] = [];
  const mapper: PortMapper = new PortMapper({
    clock,
    random: () => [0.5, 0.25, 0.75][draws++ % 3] as number,
    log: silent,
    gateway: () => scene.gateway,
    changed: () => told.push(mapper.mapped()),
    openUdp: router.openUdp,
    openAnnouncements: router.openAnnouncements,
    fetch: router.fetch,
  });
  mapper.setLocalPort(PORT);
  /** The usual beginning: asked, and the answer waited for. */
  const map = async (): Promise<SockAddr | undefined> => {
    mapper.mapped();
    await clock.advance(1_000);
    return mapper.mapped();
  };
  const close = async (): Promise<void> => {
    const closing = mapper[Symbol.asyncDispose]();
    await clock.advance(3_000);
    await closing;
  };
  const mapping = (): Mapping | undefined => {
    const { state } = mapper.state();
    return state.kind === 'mapped' || state.kind === 'renewing' ? state.mapping : undefined;
  };
  return { clock, router, scene, told, mapper, map, close, mapping };
}

const KINDS = [
  { protocol: 'nat-pmp', quirks: { pmp: true } },
  { protocol: 'pcp', quirks: { pcp: true } },
  { protocol: 'upnp', quirks: { upnp: '1' } },
  { protocol: 'upnp', quirks: { upnp: '2' } },
] as const;

describe.each(KINDS)('by $protocol ($quirks)', ({ protocol, quirks }) => {
  test('a port is mapped without anybody waiting, told, and released at the end', async () => {
    const { mapper, clock, router, told, close } = setUp(quirks);
    expect(mapper.mapped()).toBeUndefined();
    expect(mapper.state().state.kind).toBe('probing');
    await clock.advance(1_000);
    const [port = 0, entry] = [...router.entries][0] ?? [];
    expect(entry).toMatchObject({ client: SELF, internalPort: PORT, leaseS: 7_200 });
    expect(port).toBeGreaterThanOrEqual(1_024);
    expect(told).toEqual([{ ip: '203.0.113.9', port }]);
    expect(mapper.state()).toMatchObject({
      state: { kind: 'mapped', mapping: { protocol, reach: 'public' } },
    });
    await close();
    expect(router.entries.size).toBe(0);
    expect(router.open).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('a lease is renewed at half of what was granted, and keeps its port', async () => {
    const { clock, router, told, map, close } = setUp({ ...quirks, maxLeaseS: 600 });
    const first = await map();
    const until = [...router.entries.values()][0]?.untilMs ?? 0;
    router.asked.length = 0;
    await clock.advance(298_000);
    expect(router.asked).toEqual([]);
    await clock.advance(3_000);
    expect([...router.entries.values()][0]?.untilMs).toBeGreaterThan(until + 290_000);
    await clock.advance(86_400_000);
    expect([...router.entries.keys()]).toEqual([first?.port]);
    expect([...router.entries.values()][0]?.untilMs).toBeGreaterThan(clock.monotonic());
    expect(told).toHaveLength(1);
    await close();
  });

  test('a router that dies is given up when the lease ends, and found again', async () => {
    const { clock, router, told, mapper, map, close } = setUp(quirks);
    await map();
    router.isDead = true;
    router.entries.clear();
    await clock.advance(HALF_MS + 60_000);
    expect(mapper.mapped()).toBeDefined();
    await clock.advance(HALF_MS);
    expect(told).toEqual([expect.anything(), undefined]);
    expect(mapper.mapped()).toBeUndefined();
    router.isDead = false;
    await clock.advance(600_000);
    mapper.mapped();
    await clock.advance(3_000);
    expect(mapper.mapped()).toEqual(told[0]);
    await close();
  });

  test('another local port, address or gateway releases the old mapping and makes a new one', async () => {
    const { clock, router, scene, mapper, map, close } = setUp(quirks);
    await map();
    mapper.setLocalPort(PORT + 1);
    await clock.advance(1_000);
    expect([...router.entries.values()].map(({ internalPort }) => internalPort)).toEqual([PORT + 1]);
    scene.gateway = { gateway: GATEWAY, self: '192.168.1.8' };
    mapper.networkChanged(false);
    await clock.advance(1_000);
    expect([...router.entries.values()].map(({ client }) => client)).toEqual(['192.168.1.8']);
    expect(mapper.mapped()).toBeDefined();
    await close();
    expect(router.entries.size).toBe(0);
  });

  test('when the network is down nothing is sent, and when it is back the mapping is made anew', async () => {
    const { clock, router, told, mapper, map, close } = setUp(quirks);
    await map();
    router.asked.length = 0;
    mapper.networkChanged(true);
    await clock.advance(1_000);
    expect(mapper.mapped()).toBeUndefined();
    expect(router.asked).toEqual([]);
    expect(mapper.state().state).toMatchObject({ kind: 'idle', why: 'network-down' });
    mapper.networkChanged(false);
    await clock.advance(1_000);
    expect(mapper.mapped()).toEqual(told[0]);
    expect(told).toHaveLength(3);
    expect(router.entries.size).toBe(1);
    await close();
  });

  test('what could not be released is released when the network is back and another port is wanted', async () => {
    const { clock, router, mapper, map, close } = setUp(quirks);
    await map();
    mapper.networkChanged(true);
    mapper.setLocalPort(PORT + 1);
    await clock.advance(1_000);
    expect(router.entries.size).toBe(1);
    mapper.networkChanged(false);
    await clock.advance(1_000);
    expect([...router.entries.values()].map(({ internalPort }) => internalPort)).toEqual([PORT + 1]);
    await close();
  });

  test('a gateway that comes and goes finds the mapping it had', async () => {
    const { clock, router, scene, told, mapper, map, close } = setUp(quirks);
    await map();
    const { gateway } = scene;
    for (let i = 0; i < 5; i++) {
      scene.gateway = undefined;
      mapper.networkChanged(false);
      await clock.advance(1_000);
      scene.gateway = gateway;
      mapper.networkChanged(false);
      await clock.advance(1_000);
    }
    expect(mapper.mapped()).toEqual(told[0]);
    expect(router.entries.size).toBe(1);
    await close();
    expect(router.entries.size).toBe(0);
  });

  test('a router behind another one is no help: its mapping is kept, but not told', async () => {
    const { told, map, mapper, close, router } = setUp({ ...quirks, externalIp: '100.64.3.4' });
    expect(await map()).toBeUndefined();
    expect(told).toEqual([]);
    expect(mapper.state()).toMatchObject({ state: { kind: 'mapped', mapping: { reach: 'double-nat' } } });
    await close();
    expect(router.entries.size).toBe(0);
  });

  test.each(['0.0.0.0', '127.0.0.1', '224.0.0.1'])(
    'an external address of %s is none',
    async (externalIp) => {
      const { map, mapper, close } = setUp({ ...quirks, externalIp });
      expect(await map()).toBeUndefined();
      expect(mapper.state().state).toMatchObject({ kind: 'failed' });
      await close();
    },
  );

  test('a mapping that is made while the address changes is released', async () => {
    const { clock, router, scene, mapper, close } = setUp({ ...quirks, latencyMs: 40 });
    mapper.mapped();
    for (let i = 0; i < 500 && router.entries.size === 0; i++) await clock.advance(1);
    expect(mapper.state().state.kind).toBe('creating');
    scene.gateway = { gateway: GATEWAY, self: '192.168.1.8' };
    mapper.mapped();
    await clock.advance(5_000);
    expect([...router.entries.values()].map(({ client }) => client)).toEqual(['192.168.1.8']);
    await close();
  });

  test('the end does not wait for a router that is gone', async () => {
    const { clock, router, mapper, map } = setUp(quirks);
    await map();
    router.isDead = true;
    const closing = mapper[Symbol.asyncDispose]();
    await clock.advance(2_100);
    await closing;
    expect(clock.pending).toBe(0);
    expect(router.open).toBe(0);
    expect(mapper.mapped()).toBeUndefined();
  });
});

describe('nothing is asked', () => {
  test.each([
    { name: 'before anybody wants it', gateway: GATEWAY, port: PORT, isWanted: false, why: 'not-asked' },
    {
      name: 'of a public gateway',
      gateway: '9.9.9.1',
      port: PORT,
      isWanted: true,
      why: 'gateway-out-of-range',
    },
    { name: 'without a gateway', gateway: undefined, port: PORT, isWanted: true, why: 'no-gateway' },
    { name: 'without a port', gateway: GATEWAY, port: 0, isWanted: true, why: 'no-port' },
  ])('$name', async ({ gateway, port, isWanted, why }) => {
    const { clock, router, scene, mapper, close } = setUp({ pmp: true });
    scene.gateway = gateway === undefined ? undefined : { gateway, self: SELF };
    mapper.setLocalPort(port);
    if (isWanted) expect(mapper.mapped()).toBeUndefined();
    await clock.advance(10_000);
    expect(router.asked).toEqual([]);
    expect(mapper.state().state).toEqual({ kind: 'idle', why });
    await close();
  });
});

describe('a router that restarts', () => {
  test.each([
    { quirks: { pmp: true, pcp: true }, protocol: 'nat-pmp' },
    { quirks: { pcp: true }, protocol: 'pcp' },
  ])(
    'and says so maps again at once ($protocol), and nobody is told of the moment in between',
    async ({ quirks }) => {
      const { clock, router, told, mapper, map, close } = setUp(quirks);
      const first = await map();
      await clock.advance(600_000);
      router.restart();
      expect(mapper.mapped()).toEqual(first);
      await clock.advance(100);
      expect([...router.entries.keys()]).toEqual([first?.port]);
      expect(told).toEqual([first]);
      await close();
    },
  );

  test.each([{ pmp: true }, { pcp: true }])('is noticed at the next probe (%j)', async (quirks) => {
    const { clock, router, mapper, map, close } = setUp(quirks);
    await map();
    await clock.advance(700_000);
    router.restart(false);
    const probing = mapper.probe(new AbortController().signal);
    await clock.advance(1_000);
    await probing;
    expect(router.entries.size).toBe(1);
    await close();
  });

  test('and offers nothing any more is given up at once', async () => {
    const { clock, router, told, mapper, map, close } = setUp({ pcp: true });
    await map();
    await clock.advance(600_000);
    router.restart();
    router.isDead = true;
    await clock.advance(10_000);
    expect(mapper.mapped()).toBeUndefined();
    expect(told).toHaveLength(2);
    await close();
  });

  test('a word of it from somebody else is not believed', async () => {
    const { clock, router, map, close } = setUp({ pcp: true });
    await map();
    router.asked.length = 0;
    const announcement = new Uint8Array(24);
    announcement.set([2, 0x80]);
    router.forge({ ip: '192.168.1.66', port: 5351 }, announcement);
    router.forge({ ip: GATEWAY, port: 5350 }, announcement);
    await clock.advance(10_000);
    expect(router.asked).toEqual([]);
    await close();
  });
});

test('a router that seems to restart all the time, or somebody in its name, does not keep us busy', async () => {
  const { clock, router, map, close } = setUp({ pcp: true });
  await map();
  await clock.advance(60_000);
  router.asked.length = 0;
  const announcement = new Uint8Array(24);
  announcement.set([2, 0x80]);
  for (let i = 0; i < 600; i++) {
    router.forge({ ip: GATEWAY, port: 5351 }, announcement);
    await clock.advance(100);
  }
  expect(router.asked.length).toBeGreaterThan(0);
  expect(router.asked.length).toBeLessThan(20);
  await close();
});

describe('after waking up, with everything as it was', () => {
  test('the mapping is looked after', async () => {
    const { clock, router, mapper, map, close } = setUp({ pmp: true });
    const first = await map();
    router.restart(false);
    mapper.networkChanged(false);
    await clock.advance(1_000);
    expect([...router.entries.keys()]).toEqual([first?.port]);
    await close();
  });
});

describe('a router that offers nothing', () => {
  test('is asked rarely, however often somebody wants a mapping', async () => {
    const { clock, router, mapper, close } = setUp();
    for (let i = 0; i < 3_600; i++) {
      mapper.mapped();
      await clock.advance(1_000);
    }
    // A probe is up to twenty datagrams; the hour has room for a dozen.
    expect(router.asked.length).toBeLessThan(260);
    expect(mapper.state().state).toMatchObject({ kind: 'failed', why: 'the router offers no port mapping' });
    await close();
  });

  test('is asked nothing while nobody wants a mapping', async () => {
    const { clock, router, mapper, close } = setUp();
    mapper.mapped();
    await clock.advance(10_000);
    router.asked.length = 0;
    await clock.advance(86_400_000);
    expect(router.asked).toEqual([]);
    expect(clock.pending).toBe(0);
    await close();
  });

  test('is asked anew when the network changed', async () => {
    const { clock, router, mapper, close } = setUp();
    mapper.mapped();
    await clock.advance(10_000);
    router.pmp = true;
    mapper.networkChanged(false);
    await clock.advance(1_000);
    expect(mapper.mapped()).toBeDefined();
    await close();
  });
});

describe('PCP', () => {
  test('keeps its nonce for renewals and the release, and draws another for another port', async () => {
    const { clock, router, mapper, map, close } = setUp({ pcp: true });
    await map();
    await clock.advance(HALF_MS);
    expect(new Set(router.nonces).size).toBe(1);
    expect(router.nonces.length).toBeGreaterThan(1);
    mapper.setLocalPort(PORT + 1);
    await clock.advance(1_000);
    expect(new Set(router.nonces).size).toBe(2);
    await close();
    expect(new Set(router.nonces).size).toBe(2);
  });

  test('an answer with another nonce is nobody’s', async () => {
    const { clock, router, mapper, close } = setUp({ pcp: true, latencyMs: 60 });
    mapper.mapped();
    await clock.advance(260);
    expect(mapper.state().state.kind).toBe('creating');
    const forged = new Uint8Array(60);
    forged.set([2, 0x81, 0, 0, 0, 0, 0x1c, 0x20]);
    forged[36] = 17;
    new DataView(forged.buffer).setUint16(40, PORT);
    new DataView(forged.buffer).setUint16(42, 666);
    forged.set([0xff, 0xff, 6, 6, 6, 6], 54);
    router.forge({ ip: GATEWAY, port: 5351 }, forged);
    await clock.advance(1_000);
    expect(mapper.mapped()?.ip).toBe('203.0.113.9');
    await close();
  });
});

describe('when several services are there', () => {
  test.each([
    { quirks: { pmp: true, pcp: true, upnp: '2' }, want: 'nat-pmp' },
    { quirks: { pcp: true, upnp: '2' }, want: 'pcp' },
  ] as const)('$want is taken', async ({ quirks, want }) => {
    const { map, mapping, close } = setUp(quirks);
    await map();
    expect(mapping()?.protocol).toBe(want);
    await close();
  });

  test('the next one is taken when the first refuses', async () => {
    const { map, mapping, router, close } = setUp({ pmp: true, upnp: '1', maxLeaseS: 30 });
    // Thirty seconds are no lease; over UPnP the router does not say what it granted.
    router.isTaciturn = true;
    await map();
    expect(mapping()?.protocol).toBe('upnp');
    await close();
  });
});

describe('UPnP', () => {
  test.each([
    { name: 'knows permanent leases only', refusals: [725] },
    { name: 'finds a lease an invalid argument', refusals: [402] },
  ])('a router that $name gets one, which is looked after and deleted at the end', async ({ refusals }) => {
    const { clock, router, map, mapping, close } = setUp({ upnp: '1' });
    router.isPermanentOnly = true;
    router.refusals.push(...refusals);
    expect(await map()).toBeDefined();
    expect(mapping()).toMatchObject({ protocol: 'upnp', isPermanent: true });
    const [port] = router.entries.keys();
    router.entries.clear();
    await clock.advance(HALF_MS + 1_000);
    expect([...router.entries.keys()]).toEqual([port]);
    await close();
    expect(router.entries.size).toBe(0);
  });

  test('the port is the same at each start, so that a run that was killed leaves nothing behind for good', async () => {
    const killed = setUp({ upnp: '1', isPermanentOnly: true });
    const first = await killed.map();
    const again = setUp({ upnp: '1', isPermanentOnly: true });
    for (const [port, entry] of killed.router.entries) again.router.entries.set(port, entry);
    expect(await again.map()).toEqual(first);
    await again.close();
    expect(again.router.entries.size).toBe(0);
    await killed.close();
  });

  test.each(['1', '2'] as const)(
    'a port that another machine has is left to it (version %s)',
    async (upnp) => {
      const { router, map, close } = setUp({ upnp });
      const other = setUp({ upnp });
      const usual = (await other.map())?.port ?? 0;
      router.occupy(usual);
      const mapped = await map();
      expect(mapped?.port).toBeGreaterThanOrEqual(1_024);
      expect(mapped?.port).not.toBe(usual);
      expect(router.entries.get(usual)?.client).toBe('192.168.1.66');
      await close();
      await other.close();
      expect(router.entries.size).toBe(1);
    },
  );

  test('a router that wants both ports to be the same gets that', async () => {
    const { router, map, close } = setUp({ upnp: '1' });
    router.refusals.push(724);
    expect(await map()).toEqual({ ip: '203.0.113.9', port: PORT });
    await close();
  });

  test.each([401, 501, 602])(
    'a version 2 that answers %d to its own action is asked as a version 1',
    async (code) => {
      const { router, map, close } = setUp({ upnp: '2' });
      router.refusals.push(code);
      expect(await map()).toBeDefined();
      expect(router.asked).toContain('AddPortMapping');
      await close();
    },
  );

  test('a refusal that says nothing ends the try', async () => {
    const { router, map, mapper, close } = setUp({ upnp: '2' });
    router.refusals.push(606);
    expect(await map()).toBeUndefined();
    expect(router.asked.filter((action) => action.startsWith('Add'))).toHaveLength(1);
    expect(mapper.state().state).toMatchObject({ kind: 'failed', why: expect.stringContaining('upnp') });
    await close();
  });

  test('a router that says done and does nothing has mapped nothing', async () => {
    const { map, mapper, close } = setUp({ upnp: '2', isLying: true });
    expect(await map()).toBeUndefined();
    expect(mapper.state().state).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('did nothing'),
    });
    await close();
  });

  test('an entry that has become another machine’s is not deleted', async () => {
    const { router, map, close } = setUp({ upnp: '1' });
    const mapped = await map();
    router.occupy(mapped?.port ?? 0);
    await close();
    expect(router.entries.size).toBe(1);
  });
});

describe('a probe', () => {
  const signal = new AbortController().signal;

  test('tells what is there within a third of a second, and asks again only after ten minutes', async () => {
    const { clock, router, mapper, close } = setUp({ pmp: true, upnp: '1' });
    const first = mapper.probe(signal);
    await clock.advance(300);
    expect(await first).toEqual({ pmp: true, pcp: false, upnp: true });
    router.asked.length = 0;
    await clock.advance(500_000);
    const second = mapper.probe(signal);
    await clock.advance(300);
    expect(await second).toEqual({ pmp: true, pcp: false, upnp: true });
    // PCP did not answer, so it is asked each time.
    expect(new Set(router.asked)).toEqual(new Set(['0200']));
    await clock.advance(200_000);
    const third = mapper.probe(signal);
    await clock.advance(300);
    await third;
    expect(router.asked).toContain('0000');
    await close();
  });

  test('is not held up by a router that says nothing, and counts what it says late', async () => {
    const { clock, router, mapper, close } = setUp({ upnp: '1' });
    router.latencyMs = 1_500;
    const first = mapper.probe(signal);
    await clock.advance(300);
    expect(await first).toEqual({ pmp: false, pcp: false, upnp: false });
    await clock.advance(3_000);
    expect(mapper.state().services.upnp).toBe(true);
    await close();
  });

  test('finds nothing without a gateway and when closed', async () => {
    const { scene, mapper, router, close } = setUp({ pmp: true });
    scene.gateway = undefined;
    expect(await mapper.probe(signal)).toEqual({ pmp: false, pcp: false, upnp: false });
    await close();
    expect(await mapper.probe(signal)).toEqual({ pmp: false, pcp: false, upnp: false });
    expect(router.asked).toEqual([]);
  });

  test('can be given up by one without the other losing it', async () => {
    const { clock, mapper, close } = setUp({ pmp: true });
    const stop = new AbortController();
    const one = mapper.probe(stop.signal);
    const other = mapper.probe(signal);
    const refused = expect(one).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await refused;
    await clock.advance(300);
    expect(await other).toMatchObject({ pmp: true });
    await close();
  });

  test('does not hold up the end', async () => {
    const { clock, router, mapper } = setUp({ isDead: true });
    const asked = mapper.probe(signal);
    mapper.mapped();
    await clock.advance(100);
    await mapper[Symbol.asyncDispose]();
    expect(await asked).toEqual({ pmp: false, pcp: false, upnp: false });
    expect(clock.pending).toBe(0);
    expect(router.open).toBe(0);
  });

  test('ignores answers of others', async () => {
    const { clock, router, mapper, close } = setUp();
    const probing = mapper.probe(signal);
    await clock.advance(10);
    router.forge({ ip: '192.168.1.66', port: 5351 }, Uint8Array.of(0, 0x80, 0, 0, 0, 0, 0, 9, 6, 6, 6, 6));
    await clock.advance(300);
    expect(await probing).toMatchObject({ pmp: false });
    await close();
  });
});
