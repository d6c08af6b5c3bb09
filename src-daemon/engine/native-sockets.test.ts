/** Two native engines on real sockets of the loopback, with their own clock and threads; skipped where it is not built. */
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { EngineFailure, type EngineLibrary, loadEngine } from '../ffi/engine.ts';
import { ipPacket } from '../testing/packets.ts';
import { seeded } from '../testing/wire.ts';
import { createNativeEngine } from './native.ts';
import type { EngineRecord, MemoryTun, PacketEngine } from './types.ts';

const loaded = loadEngine();
const PEER = 1;
const KEYS = [new Uint8Array(32).fill(0xa1), new Uint8Array(32).fill(0xb2)] as const;
const A = '10.1.0.1';
const B = '10.1.0.2';
const INDICES = [0x11, 0x22] as const;
const GIVE_UP_MS = 10_000;

interface Node extends AsyncDisposable {
  readonly engine: PacketEngine;
  readonly received: Uint8Array[];
  readonly records: EngineRecord[];
  send(packet: Uint8Array): void;
}

async function node(library: EngineLibrary, other: string, key: number, isPlain: boolean): Promise<Node> {
  const received: Uint8Array[] = [];
  const records: EngineRecord[] = [];
  const tun: MemoryTun = { receive: (packet) => received.push(packet), send: undefined };
  const engine = createNativeEngine(
    library,
    { clock: systemClock(), random: seeded(1), log: silent },
    { isPlain },
  );
  engine.onRecords((batch) => records.push(...batch));
  await engine.start({ tun: { kind: 'memory', tun }, mtu: 1_280, port: 0 });
  engine.apply([
    { op: 'set-identity', publicKey: new Uint8Array(32).fill(key) },
    { op: 'peer-add', peer: PEER, publicKey: new Uint8Array(32).fill(3 - key) },
    { op: 'routes-set', routes: [{ prefix: `${other}/32`, peer: PEER }] },
  ]);
  return {
    engine,
    received,
    records,
    send: (packet) => tun.send?.(packet),
    [Symbol.asyncDispose]: () => engine.destroy(),
  };
}

/** Keys on both sides, and each knows where the other is. */
function join(a: Node, b: Node): void {
  const [one, two] = KEYS;
  for (const [own, far, role, send, receive] of [
    [a, b, 'initiator', one, two],
    [b, a, 'responder', two, one],
  ] as const) {
    const [localIndex, remoteIndex] = own === a ? INDICES : [INDICES[1], INDICES[0]];
    own.engine.apply([
      {
        op: 'path-set',
        peer: PEER,
        path: { mode: 'direct', direct: { ip: '127.0.0.1', port: far.engine.port } },
      },
      {
        op: 'install-keypair',
        keypair: {
          peer: PEER,
          role,
          localIndex,
          remoteIndex,
          sendKey: send,
          receiveKey: receive,
          createdMs: own.engine.nowMs(),
        },
      },
    ]);
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const giveUpAt = Date.now() + GIVE_UP_MS; !isTrue(); ) {
    if (Date.now() > giveUpAt) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const out = ipPacket({ from: A, to: B, payload: new Uint8Array(1_000).fill(7) });
const back = ipPacket({ from: B, to: A, payload: new Uint8Array(30).fill(8) });

if (loaded.ok)
  describe.each(flavours(loaded.library))('with $name', ({ library, isPlain }) => suite(library, isPlain));
else test('the native engine on real sockets', ({ skip }) => skip(loaded.why));

/** What Linux can do; what every system can; and Windows, which has no descriptor to wait for. */
function flavours(library: EngineLibrary) {
  const withoutDescriptor: EngineLibrary = { ...library, wakeFd: () => EngineFailure.NotSupported };
  return [
    { name: 'offloads', library, isPlain: false },
    { name: 'one datagram at a time', library, isPlain: true },
    { name: 'a call that waits', library: withoutDescriptor, isPlain: true },
  ];
}

/** Kind 1 from 192.0.2.1:9, six bytes of it (native-records.ts). */
function discoRecord(): Uint8Array {
  const record = new Uint8Array(56);
  const view = new DataView(record.buffer);
  view.setUint32(0, 50, true);
  view.setUint16(4, 1, true);
  record.set([4, 0, 9, 0], 16);
  record.set([192, 0, 2, 1], 28);
  return record;
}

function suite(library: EngineLibrary, isPlain: boolean): void {
  test('strangers who send without end keep nobody else waiting', async () => {
    let isFlooded = true;
    const record = discoRecord();
    const flooded: EngineLibrary = {
      ...library,
      poll: (engine, into) => {
        if (!isFlooded) return library.poll(engine, into);
        into.set(record);
        return record.length;
      },
    };
    await using a = await node(flooded, B, 1, isPlain);
    // Others have their turn again and again, and it goes on.
    for (let turn = 0; turn < 3; turn++) {
      const before = a.records.length;
      await until(() => a.records.length > before);
    }
    isFlooded = false;
    expect(a.records[0]).toMatchObject({ type: 'disco', from: { ip: '192.0.2.1' } });
  });

  test('packets pass both ways, and both say that they are alive', async () => {
    await using a = await node(library, B, 1, isPlain);
    await using b = await node(library, A, 2, isPlain);
    expect(a.engine.port).toBeGreaterThan(0);
    join(a, b);
    for (let i = 0; i < 100; i++) a.send(out);
    await until(() => b.received.length === 100);
    b.send(back);
    await until(() => a.received.length === 1);
    expect([a.received[0], b.received[99]]).toEqual([back, out]);
    // The keepalive by which the initiator's side confirms its key, and the packets.
    expect(a.engine.peers([PEER])[0]).toMatchObject({ txPackets: 101, rxPackets: 1 });
    await until(() => b.records.some(({ type }) => type === 'key-confirmed'));
  });

  test('another port, an extra socket, and nothing after the end', async () => {
    await using a = await node(library, B, 1, isPlain);
    await using b = await node(library, A, 2, isPlain);
    join(a, b);
    const before = b.engine.port;
    b.engine.apply([{ op: 'bind', port: 0 }]);
    expect(b.engine.port).not.toBe(before);
    a.engine.apply([
      { op: 'socket-open', socket: 7, family: 4 },
      {
        op: 'path-set',
        peer: PEER,
        path: { mode: 'direct', direct: { ip: '127.0.0.1', port: b.engine.port }, via: 7 },
      },
    ]);
    a.send(out);
    await until(() => b.received.length > 0);
    await until(() => b.records.some(({ type }) => type === 'new-address'));
    const from = b.records.find(({ type }) => type === 'new-address');
    expect(from).toMatchObject({ from: { ip: '127.0.0.1' } });
    await a.engine.stop();
    expect(a.engine.inject([{ kind: 'from-host', data: out }])).toBe(0);
    const now = a.engine.nowMs();
    await a.engine.destroy();
    expect(a.engine.nowMs()).toBeGreaterThanOrEqual(now);
  });
}
