/** Conformance: operations are atomic, life-cycle, rebinding (data-plane.md §4.1, §4.5). */
import { expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { EngineOp } from '../../engine/types.ts';
import { engineRig, FAR, FAR_INNER, INNER, LOCAL_INDEX, PEER } from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';
import { SimulatedWire, seeded } from '../wire.ts';

const KEY = new Uint8Array(32).fill(8);
const keypair = {
  peer: PEER,
  role: 'responder',
  localIndex: LOCAL_INDEX,
  remoteIndex: 1,
  sendKey: KEY,
  receiveKey: KEY,
  createdMs: 1,
} as const;

const BAD: readonly { readonly name: string; readonly code: string; readonly op: EngineOp }[] = [
  { name: 'a peer twice', code: 'conflict', op: { op: 'peer-add', peer: PEER, publicKey: KEY } },
  { name: 'peer id 0', code: 'bad-argument', op: { op: 'peer-add', peer: 0, publicKey: KEY } },
  { name: 'a short key', code: 'bad-argument', op: { op: 'peer-add', peer: 9, publicKey: KEY.subarray(1) } },
  { name: 'no such peer', code: 'not-found', op: { op: 'peer-del', peer: 404 } },
  {
    name: 'a route to nobody',
    code: 'not-found',
    op: { op: 'routes-set', routes: [{ prefix: '10.0.0.0/8', peer: 404 }] },
  },
  {
    name: 'no prefix',
    code: 'bad-argument',
    op: { op: 'routes-set', routes: [{ prefix: '10.0.0.0/33', peer: PEER }] },
  },
  {
    name: 'a path without address',
    code: 'bad-argument',
    op: { op: 'path-set', peer: PEER, path: { mode: 'direct' } },
  },
  {
    name: 'a path without relay',
    code: 'bad-argument',
    op: { op: 'path-set', peer: PEER, path: { mode: 'relay' } },
  },
  { name: 'an index in use', code: 'conflict', op: { op: 'pending-add', index: LOCAL_INDEX, peer: PEER } },
  { name: 'no index', code: 'bad-argument', op: { op: 'pending-add', index: -1, peer: PEER } },
  {
    name: 'a keypair of nobody',
    code: 'not-found',
    op: { op: 'install-keypair', keypair: { ...keypair, peer: 404 } },
  },
  { name: "another keypair's index", code: 'conflict', op: { op: 'install-keypair', keypair } },
  { name: 'no port', code: 'bad-argument', op: { op: 'bind', port: 65_536 } },
];

export function controlConformance(make: MakeEngine): void {
  test.each(BAD)('a batch with $name is refused whole, as $code', async ({ code, op }) => {
    await using rig = await engineRig(make);
    rig.install();
    let thrown: unknown;
    try {
      rig.engine.apply([{ op: 'peer-add', peer: 10, publicKey: KEY }, op]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RhumbError);
    expect((thrown as RhumbError).code).toBe(code);
    // The first operation was not done either.
    rig.engine.apply([{ op: 'peer-add', peer: 10, publicKey: KEY }]);
  });

  test('later operations of a batch build on earlier ones', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([
      { op: 'peer-del', peer: PEER },
      { op: 'peer-add', peer: PEER, publicKey: KEY },
      { op: 'routes-set', routes: [{ prefix: '10.0.0.0/8', peer: PEER }] },
      { op: 'pending-add', index: 5, peer: PEER },
      { op: 'pending-del', index: 5 },
      { op: 'pending-add', index: 5, peer: PEER },
    ]);
    expect(rig.engine.peers([PEER])).toHaveLength(1);
    expect(rig.engine.peers()).toEqual([]);
  });

  test('switches for large sends and large packets change nothing of what passes', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const flags = {
      noUdpGso: true,
      noUdpGro: true,
      noTunTcpGro: true,
      noTunUdpGro: true,
      gsoSentinel: true,
      ecn: true,
    };
    for (const set of [flags, {}]) {
      rig.sent.length = 0;
      rig.engine.apply([{ op: 'flags-set', flags: set }]);
      for (let i = 0; i < 10; i++) rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER }));
      expect(rig.sent).toHaveLength(10);
    }
  });

  test('sockets move to another port and back', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const ports: number[] = [];
    rig.wire.tap = ({ from }) => {
      ports.push(from.port);
      return true;
    };
    for (const port of [40_777, 40_777, 51_820]) {
      rig.engine.apply([{ op: 'bind', port }]);
      await rig.clock.advance(1);
      expect(rig.engine.port).toBe(port);
      rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER }));
    }
    expect(ports).toEqual([40_777, 40_777, 51_820]);
  });

  test('a port that is taken is a conflict, and the engine can start on another', async () => {
    const clock = new FakeClock();
    const wire = new SimulatedWire(clock, seeded(1));
    const host = wire.host({ v4: '192.0.2.1' });
    wire.bind({ ip: '192.0.2.1', port: 9 }, () => undefined);
    const engine = make({ clock, random: seeded(1), log: silent });
    const config = { tun: { kind: 'none' }, mtu: 1_280, sockets: host.sockets } as const;
    await expect(engine.start({ ...config, port: 9 })).rejects.toMatchObject({ code: 'conflict' });
    await engine.start({ ...config, port: 0 });
    expect(engine.port).toBeGreaterThan(0);
    await engine.destroy();
  });

  test('both families share a port, and either serves its own addresses', async () => {
    const clock = new FakeClock();
    const wire = new SimulatedWire(clock, seeded(1));
    const host = wire.host({ v4: '192.0.2.1', v6: '2001:db8::1' });
    const engine = make({ clock, random: seeded(1), log: silent });
    await engine.start({ tun: { kind: 'none' }, mtu: 1_280, port: 0, sockets: host.sockets });
    const from: string[] = [];
    wire.tap = (datagram) => {
      from.push(`${datagram.from.ip} ${datagram.from.port}`);
      return true;
    };
    engine.inject([
      { kind: 'udp', to: FAR, data: KEY },
      { kind: 'udp', to: { ip: '2001:db8::2', port: 1 }, data: KEY },
    ]);
    expect(from).toEqual([`192.0.2.1 ${engine.port}`, `2001:db8::1 ${engine.port}`]);
    await engine.destroy();
  });

  test('a stopped engine takes nothing in and can start again with what it knew', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.engine.stop();
    await rig.engine.stop();
    expect(rig.engine.inject([{ kind: 'udp', to: FAR, data: KEY }])).toBe(0);
    expect(rig.engine.port).toBe(0);
    await expect(rig.engine.start({ tun: { kind: 'none' }, mtu: 100, port: 0 })).rejects.toMatchObject({
      code: 'bad-argument',
    });
    const host = rig.wire.host({ v4: '192.0.2.50' });
    await rig.engine.start({ tun: { kind: 'none' }, mtu: 1_280, port: 1, sockets: host.sockets });
    await expect(
      rig.engine.start({ tun: { kind: 'none' }, mtu: 1_280, port: 1, sockets: host.sockets }),
    ).rejects.toMatchObject({ code: 'conflict' });
    expect(rig.engine.peers([PEER])).toHaveLength(1);
    await rig.engine.destroy();
    await rig.engine.destroy();
    await rig.clock.advance(10);
    expect(rig.clock.pending).toBe(0);
  });

  test('after its end an engine takes every call and does nothing', async () => {
    const { engine, config, clock } = unstarted(make);
    await engine.start(config);
    await engine.destroy();
    await clock.advance(5);
    engine.onRecords(() => expect.unreachable('there is nobody to tell of'));
    engine.apply([{ op: 'peer-add', peer: PEER, publicKey: KEY }]);
    engine.apply([{ op: 'bind', port: 10 }]);
    engine.setTap(() => undefined);
    expect(engine.inject([{ kind: 'udp', to: FAR, data: KEY }])).toBe(0);
    expect([engine.port, engine.tunName, engine.filterRules(), engine.peers()]).toEqual([
      0,
      undefined,
      [],
      [],
    ]);
    expect(engine.nowMs()).toBe(clock.monotonic());
    await clock.advance(5);
    expect(clock.pending).toBe(0);
  });

  test('an engine stopped while it starts is stopped, and starts again', async () => {
    const { engine, config } = unstarted(make);
    const started = engine.start(config);
    await engine.stop();
    await started;
    expect(engine.port).toBe(0);
    expect(engine.inject([{ kind: 'udp', to: FAR, data: KEY }])).toBe(0);
    await engine.start(config);
    expect(engine.port).toBe(config.port);
    await engine.destroy();
  });

  test('an engine destroyed while it starts leaves nothing open, and starts no more', async () => {
    const { engine, config, clock } = unstarted(make);
    const started = engine.start(config);
    await engine.destroy();
    await started;
    await expect(engine.start(config)).rejects.toThrow('it is destroyed');
    const other = make({ clock, random: seeded(1), log: silent });
    await other.start(config);
    await other.destroy();
    expect(clock.pending).toBe(0);
  });
}

/** An engine on a wire of its own, and what to start it with. */
function unstarted(make: MakeEngine) {
  const clock = new FakeClock();
  const { sockets } = new SimulatedWire(clock, seeded(1)).host({ v4: '192.0.2.1' });
  const config = { tun: { kind: 'none' }, mtu: 1_280, port: 9, sockets } as const;
  return { clock, config, engine: make({ clock, random: seeded(1), log: silent }) };
}
