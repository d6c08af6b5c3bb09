/** A native engine that failed is replaced by another, which knows the same peers; skipped where it is not built. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { EngineFailure, type EngineLibrary, loadEngine } from '../ffi/engine.ts';
import { dataPacket, engineRig, FAR, FAR_INNER, INNER, PEER } from '../testing/engine-rig.ts';
import { ipPacket } from '../testing/packets.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import { createNativeEngine } from './native.ts';
import type { EngineConfig, EngineOp, EngineRecord } from './types.ts';

const loaded = loadEngine();
const OUT = ipPacket({ from: INNER, to: FAR_INNER });
/** As long as the shortest there is; the key in it is nobody's. */
const DISCO = Buffer.concat([DISCO_MAGIC, Buffer.alloc(80)]);
const IN = ipPacket({ from: FAR_INNER, to: INNER });

/** The true library, of which any engine can be made to fail as after a panic. */
function breakable(library: EngineLibrary): { readonly library: EngineLibrary; break(): void } {
  const broken = new Set<number>();
  let newest = 0;
  const unless = (engine: number, call: () => number): number =>
    broken.has(engine) ? EngineFailure.Panicked : call();
  return {
    break: () => broken.add(newest),
    library: {
      ...library,
      create: () => {
        newest = library.create();
        return newest;
      },
      apply: (engine, ops, result) => unless(engine, () => library.apply(engine, ops, result)),
      inject: (engine, records) => unless(engine, () => library.inject(engine, records)),
    },
  };
}

if (loaded.ok) describe('a native engine that failed', () => suite(loaded.library));
else test('a native engine that failed', ({ skip }) => skip(loaded.why));

function suite(library: EngineLibrary): void {
  const rigOn = (breaking: EngineLibrary) => engineRig((options) => createNativeEngine(breaking, options));

  test('is replaced: peers, routes and paths are there, and keys are asked for anew', async () => {
    const breaking = breakable(library);
    await using rig = await rigOn(breaking.library);
    rig.install();
    rig.sent.length = 0;
    breaking.break();
    // Lost with the engine that it was given to.
    rig.fromHost(OUT);
    expect(rig.sent).toEqual([]);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.seen('need-handshake').at(-1)).toMatchObject({ peer: PEER, reason: 'no-key' });
    rig.install();
    expect(rig.sent.map(({ to }) => to)).toEqual([FAR]);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.toHost).toEqual([IN]);
  });

  test('has new keys asked for at once for whom it had some, though nobody sends', async () => {
    const breaking = breakable(library);
    await using rig = await rigOn(breaking.library);
    rig.install();
    const other = { op: 'peer-add', peer: 9, publicKey: new Uint8Array(32).fill(3) } as const;
    rig.engine.apply([other]);
    breaking.break();
    rig.engine.apply([]);
    await rig.clock.advance(1);
    expect(rig.seen('need-handshake').slice(-1)).toEqual([
      { type: 'need-handshake', peer: PEER, reason: 'no-key' },
    ]);
  });

  test('knows also what was changed since, and what the failing call was about', async () => {
    const breaking = breakable(library);
    await using rig = await rigOn(breaking.library);
    const moved: EngineOp[] = [
      {
        op: 'routes-change',
        remove: [`${FAR_INNER}/32`],
        add: [{ prefix: '10.5.0.0/16', peer: PEER }],
      },
    ];
    breaking.break();
    rig.engine.apply(moved);
    rig.install();
    rig.sent.length = 0;
    rig.fromHost(OUT);
    rig.fromHost(ipPacket({ from: INNER, to: '10.5.1.1' }));
    expect([rig.sent.length, rig.stat('drop.no-route')]).toEqual([1, 1]);
  });

  test('is not replaced without end, and tells so once', async () => {
    const breaking = breakable(library);
    await using rig = await rigOn(breaking.library);
    for (let i = 0; i < 3; i++) {
      breaking.break();
      for (let packet = 0; packet < 5; packet++) rig.fromHost(OUT);
    }
    await rig.clock.advance(1);
    expect(rig.seen('device')).toEqual([
      { type: 'device', what: 'tun-gone', detail: 'the native engine failed: it panicked' },
    ]);
  });

  test.each([
    { name: 'made', calls: { create: () => EngineFailure.Config }, why: 'the native engine says -10' },
    { name: 'started', calls: { startFrom: () => -2_098 }, why: 'open udp port 51820' },
  ])('is told of when no other can be $name, and nothing is left behind', async ({ calls, why }) => {
    const breaking = breakable(library);
    const made: number[] = [];
    const destroyed: number[] = [];
    let overriding: Partial<EngineLibrary> = {};
    const counted: EngineLibrary = {
      ...breaking.library,
      create: () => {
        const handle = (overriding.create ?? breaking.library.create)();
        if (handle >= 0) made.push(handle);
        return handle;
      },
      startFrom: (engine, failed) => (overriding.startFrom ?? library.startFrom)(engine, failed),
      destroy: (engine) => {
        destroyed.push(engine);
        return library.destroy(engine);
      },
    };
    {
      await using rig = await rigOn(counted);
      overriding = calls;
      breaking.break();
      // Who hands in a packet has nothing to do with it.
      rig.fromHost(OUT);
      await rig.clock.advance(1);
      expect(rig.seen('device')).toMatchObject([{ what: 'tun-gone', detail: expect.stringContaining(why) }]);
    }
    expect(destroyed).toEqual(made);
  });

  test('while it was stopped is replaced when it is started again', async () => {
    const breaking = breakable(library);
    const clock = new FakeClock();
    const engine = createNativeEngine(breaking.library, { clock, random: seeded(1), log: silent });
    const wire = new SimulatedWire(clock, seeded(1));
    const { sockets } = wire.host({ v4: FAR.ip });
    const config: EngineConfig = { tun: { kind: 'none' }, mtu: 1_280, port: FAR.port, sockets };
    await engine.start(config);
    await engine.stop();
    breaking.break();
    await engine.start(config);
    expect(engine.port).toBe(FAR.port);
    expect(engine.inject([{ kind: 'udp', to: FAR, data: DISCO }])).toBe(1);
    await engine.destroy();
  });

  test('is replaced also when only the call that waits for its records fails', async () => {
    let first: number | undefined;
    const deaf: EngineLibrary = {
      ...library,
      create: () => {
        const made = library.create();
        first ??= made;
        return made;
      },
      wakeFd: () => EngineFailure.NotSupported,
      wait: (engine, ms) =>
        engine === first ? Promise.reject(new Error('no thread left')) : library.wait(engine, ms),
    };
    const engine = createNativeEngine(deaf, { clock: systemClock(), random: seeded(1), log: silent });
    const heard = Promise.withResolvers<EngineRecord>();
    engine.onRecords((batch) => {
      for (const record of batch) heard.resolve(record);
    });
    await engine.start({ tun: { kind: 'none' }, mtu: 1_280, port: 0 });
    const far = createSocket('udp4').bind(0, '127.0.0.1');
    await once(far, 'listening');
    far.send(DISCO, engine.port, '127.0.0.1');
    expect(await heard.promise).toMatchObject({ type: 'disco', from: { port: far.address().port } });
    far.close();
    await engine.destroy();
  });
}
