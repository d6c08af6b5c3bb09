/** A whole WireGuard node in memory for tests: an engine on a simulated wire, a memory TUN, and its Tunnel. */
import { importPrivate } from '#shared/crypto/x25519.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import { privateKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import type { FakeClock } from '#shared/testing/fake-clock.ts';
import { createPortableEngine, type PortableOptions } from '../engine/portable.ts';
import { Tunnel, type TunnelPeer } from '../engine/tunnel.ts';
import type { EngineRecord, MemoryTun, PacketEngine } from '../engine/types.ts';
import { type SimulatedWire, seeded, type WireHost } from './wire.ts';

export type MakeEngine = (options: PortableOptions) => PacketEngine;

export interface TunnelHost extends AsyncDisposable {
  readonly engine: PacketEngine;
  readonly tunnel: Tunnel;
  readonly wireHost: WireHost;
  readonly publicKey: Uint8Array;
  readonly privateKey: PrivateKey;
  /** What the host received from its tunnel, in order. */
  readonly received: Uint8Array[];
  /** Records that were no matter of handshakes. */
  readonly records: EngineRecord[];
  /** The latest time that its handshakes have named. */
  readonly timestampMs: number | undefined;
  /** A packet from this host into its tunnel. */
  send(packet: Uint8Array): void;
  stat(name: string): number;
}

/** A private key made of one repeated byte. */
export const testKey = (byte: number): PrivateKey => privateKeyFrom(new Uint8Array(32).fill(byte));

export async function tunnelHost(options: {
  readonly clock: FakeClock;
  readonly wire: SimulatedWire;
  readonly address: string;
  readonly address6?: string;
  readonly key: number;
  readonly port?: number;
  readonly mtu?: number;
  readonly peers?: readonly TunnelPeer[];
  readonly underLoadHandshakes?: number;
  readonly timestampFloorMs?: number | undefined;
  readonly makeEngine?: MakeEngine;
}): Promise<TunnelHost> {
  const { clock, wire, address, address6, key } = options;
  const received: Uint8Array[] = [];
  const records: EngineRecord[] = [];
  let timestampMs: number | undefined;
  const tun: MemoryTun = { receive: (packet) => received.push(packet), send: undefined };
  const wireHost = wire.host(address6 === undefined ? { v4: address } : { v4: address, v6: address6 });
  const make = options.makeEngine ?? createPortableEngine;
  const engine = make({ clock, random: seeded(key), log: silent });
  const privateKey = testKey(key);
  const tunnel = new Tunnel({
    engine,
    privateKey,
    clock,
    random: seeded(key + 1),
    log: silent,
    onRecord: (record) => records.push(record),
    timestampFloorMs: options.timestampFloorMs,
    onTimestamp: (ceilingMs) => {
      timestampMs = ceilingMs;
    },
  });
  await engine.start({
    tun: { kind: 'memory', tun },
    mtu: options.mtu ?? 1_280,
    port: options.port ?? 51_820,
    sockets: wireHost.sockets,
    underLoadHandshakes: options.underLoadHandshakes,
  });
  tunnel.setPeers(options.peers ?? []);
  return {
    engine,
    tunnel,
    wireHost,
    publicKey: importPrivate(privateKey).publicRaw,
    privateKey,
    received,
    records,
    get timestampMs() {
      return timestampMs;
    },
    send: (packet) => tun.send?.(packet),
    stat: (name) => Number(tunnel.stats()[name] ?? 0n),
    [Symbol.asyncDispose]: async () => {
      tunnel.close();
      await engine.destroy();
    },
  };
}
