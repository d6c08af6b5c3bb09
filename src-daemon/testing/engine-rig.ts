/** One engine on a simulated wire, with the other end played by hand: raw datagrams and known keys. */
import { seal } from '#shared/crypto/aead.ts';
import { importPrivate } from '#shared/crypto/x25519.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { EngineConfig, EngineRecord, Keypair, MemoryTun, PacketEngine } from '../engine/types.ts';
import type { MakeEngine } from './tunnel-host.ts';
import { testKey } from './tunnel-host.ts';
import { SimulatedWire, seeded } from './wire.ts';

export const OWN: SockAddr = { ip: '192.0.2.1', port: 51_820 };
export const FAR: SockAddr = { ip: '192.0.2.2', port: 41_641 };
export const PEER = 5;
export const OWN_KEY = importPrivate(testKey(1));
export const FAR_KEY = importPrivate(testKey(2));
export const SEND_KEY = new Uint8Array(32).fill(0xa1);
export const RECEIVE_KEY = new Uint8Array(32).fill(0xb2);
export const LOCAL_INDEX = 0x0102_0304;
export const REMOTE_INDEX = 0xa1a2_a3a4;
/** Our address inside and the peer's. */
export const INNER = '10.1.0.1';
export const FAR_INNER = '10.1.0.2';

export interface EngineRig extends AsyncDisposable {
  readonly engine: PacketEngine;
  readonly clock: FakeClock;
  readonly wire: SimulatedWire;
  /** What reached the far end. */
  readonly sent: { readonly to: SockAddr; readonly data: Uint8Array }[];
  readonly toHost: Uint8Array[];
  readonly records: EngineRecord[];
  /** A packet from the host, as from the TUN. */
  fromHost(packet: Uint8Array): void;
  /** A datagram from the far end, or from elsewhere. */
  fromWire(data: Uint8Array, from?: SockAddr): Promise<void>;
  install(keypair?: Partial<Keypair>): void;
  stat(name: string): number;
  /** Records of one type, so far. */
  seen<T extends EngineRecord['type']>(type: T): Extract<EngineRecord, { readonly type: T }>[];
}

/** A running engine with one peer, its route and a direct path; keys are up to the test. */
export async function engineRig(
  make: MakeEngine,
  config: Partial<Pick<EngineConfig, 'mtu' | 'underLoadHandshakes'>> = {},
): Promise<EngineRig> {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(1));
  const sent: { to: SockAddr; data: Uint8Array }[] = [];
  const toHost: Uint8Array[] = [];
  const records: EngineRecord[] = [];
  const tun: MemoryTun = { receive: (packet) => toHost.push(packet), send: undefined };
  const engine = make({ clock, random: seeded(3), log: silent });
  wire.tap = ({ from, to, data }) => {
    if (from.ip === OWN.ip) sent.push({ to, data });
    return true;
  };
  engine.onRecords((batch) => {
    for (const record of batch) records.push(copied(record));
  });
  await engine.start({
    tun: { kind: 'memory', tun },
    mtu: config.mtu ?? 1_280,
    port: OWN.port,
    sockets: wire.host({ v4: OWN.ip }).sockets,
    underLoadHandshakes: config.underLoadHandshakes,
  });
  engine.apply([
    { op: 'set-identity', publicKey: OWN_KEY.publicRaw },
    { op: 'peer-add', peer: PEER, publicKey: FAR_KEY.publicRaw },
    { op: 'routes-set', routes: [{ prefix: `${FAR_INNER}/32`, peer: PEER }] },
    { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } },
  ]);
  return {
    engine,
    clock,
    wire,
    sent,
    toHost,
    records,
    fromHost: (packet) => tun.send?.(packet),
    fromWire: async (data, from = FAR) => {
      wire.send(from, OWN, data);
      await clock.advance(2);
    },
    install: (keypair = {}) =>
      engine.apply([
        {
          op: 'install-keypair',
          keypair: {
            peer: PEER,
            role: 'initiator',
            localIndex: LOCAL_INDEX,
            remoteIndex: REMOTE_INDEX,
            sendKey: SEND_KEY,
            receiveKey: RECEIVE_KEY,
            createdMs: engine.nowMs(),
            ...keypair,
          },
        },
      ]),
    stat: (name) => Number(engine.stats()[name] ?? 0n),
    seen: <T extends EngineRecord['type']>(type: T) =>
      records.filter((record): record is Extract<EngineRecord, { readonly type: T }> => record.type === type),
    [Symbol.asyncDispose]: () => engine.destroy(),
  };
}

/** Record payloads are borrowed. */
const copied = (record: EngineRecord): EngineRecord =>
  'data' in record ? { ...record, data: new Uint8Array(record.data) } : record;

/** Transport data as the far end would send it. */
export function dataPacket(
  counter: bigint,
  plaintext: Uint8Array,
  options: { readonly key?: Uint8Array; readonly index?: number } = {},
): Uint8Array {
  const padded = new Uint8Array(Math.ceil(plaintext.length / 16) * 16);
  padded.set(plaintext);
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, counter, true);
  const sealed = seal(options.key ?? RECEIVE_KEY, nonce, padded);
  const out = new Uint8Array(16 + sealed.length);
  const view = new DataView(out.buffer);
  out[0] = 4;
  view.setUint32(4, options.index ?? LOCAL_INDEX, true);
  view.setBigUint64(8, counter, true);
  out.set(sealed, 16);
  return out;
}

/** Receiver index and counter of a datagram the engine sent, and its plaintext under the engine's sending key. */
export const headerOf = (datagram: Uint8Array): { readonly index: number; readonly counter: bigint } => {
  const view = new DataView(datagram.buffer, datagram.byteOffset);
  return { index: view.getUint32(4, true), counter: view.getBigUint64(8, true) };
};
