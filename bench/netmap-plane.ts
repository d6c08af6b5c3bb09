/** For `netmap`: a backend with the real data plane of a machine whose network is a simulated wire. */
import { fakeWorld, type World } from '../src-daemon/backend/fake-world.ts';
import { TunnelPlane } from '../src-daemon/backend/tunnel-plane.ts';
import { createPortableEngine } from '../src-daemon/engine/portable.ts';
import type { EngineOp } from '../src-daemon/engine/types.ts';
import { openHandshakeTime } from '../src-daemon/store/handshake-time.ts';
import { memoryStore } from '../src-daemon/store/state-store.ts';
import { testKey } from '../src-daemon/testing/tunnel-host.ts';
import { SimulatedWire, seeded } from '../src-daemon/testing/wire.ts';
import { quietUnderlay } from '../src-daemon/underlay/testing/fake-parts.ts';
import { Watch } from '../src-shared/localapi/notify.ts';
import { silent } from '../src-shared/log/log.ts';
import { FakeClock } from '../src-shared/testing/fake-clock.ts';
import { stringifyJson } from '../src-shared/wire/json.ts';

export interface MeasuredWorld {
  readonly world: World;
  readonly plane: TunnelPlane;
  /** How many operations the engine was told, by kind, since the last call. */
  readonly ops: () => Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export async function measuredWorld(): Promise<MeasuredWorld> {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(1));
  const engine = createPortableEngine({ clock, random: seeded(2), log: silent });
  const counts = new Map<string, number>();
  const apply = engine.apply.bind(engine);
  engine.apply = (list: readonly EngineOp[]) => {
    for (const { op } of list) counts.set(op, (counts.get(op) ?? 0) + 1);
    apply(list);
  };
  await engine.start({
    tun: { kind: 'memory', tun: { receive: () => undefined, send: undefined } },
    mtu: 1_280,
    port: 41_641,
    sockets: wire.host({ v4: '192.0.2.1' }).sockets,
  });
  const plane = new TunnelPlane({
    engine,
    router: {
      apply: async () => [],
      clear: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    },
    clock,
    random: seeded(3),
    log: silent,
    discoPrivate: testKey(77),
    isResumed: false,
    openUnderlay: quietUnderlay(clock),
    handshakeTime: openHandshakeTime(memoryStore(), clock.now()),
    deviceLost: () => undefined,
  });
  const world = await fakeWorld({ clock, dataPlane: plane, isUnwatched: true });
  // As a console of today watches: who wants whole maps is told 5 000 machines with each change, by his own wish.
  const watcher = world.backend.watch(
    Watch.InitialState | Watch.PeerChanges | Watch.PeerPatches | Watch.NoNetMap,
    { uid: 0 },
  );
  const heard = (async (): Promise<number> => {
    let bytes = 0;
    for (;;) {
      const message = await watcher.next(new AbortController().signal);
      if (message === undefined) return bytes;
      bytes += stringifyJson(message).length;
    }
  })();
  plane.networkIs(
    {
      addresses: [{ interfaceName: 'eth0', ip: '192.0.2.1', bits: 24, isLoopback: false }],
      defaultRoutes: [],
    },
    false,
  );
  return {
    world,
    plane,
    ops: () => {
      const told = Object.fromEntries(counts);
      counts.clear();
      return told;
    },
    stop: async () => {
      world.backend.bus.remove(watcher);
      await heard;
      await world.backend[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
      await engine.destroy();
    },
  };
}
