/** Our engine and handshake core as a plain WireGuard peer in this process, without control server or disco. */
import { execFileSync } from 'node:child_process';
import type { z } from 'zod';
import { parseSockAddr } from '#shared/ip/address.ts';
import { privateKeyFrom } from '#shared/key/key.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { pickEngine } from '../../src-daemon/engine/pick.ts';
import { Tunnel } from '../../src-daemon/engine/tunnel.ts';
import type { PacketEngine } from '../../src-daemon/engine/types.ts';
import type { wgConfig } from './wg-config.ts';

export interface WgEngine extends AsyncDisposable {
  readonly engine: PacketEngine;
  /** Its peers are numbered from 1 in the order of the configuration. */
  readonly tunnel: Tunnel;
}

/** Started, with addresses and routes. */
export async function startWgEngine(config: z.infer<typeof wgConfig>, program: string): Promise<WgEngine> {
  const clock = systemClock();
  const log = openLog({ level: 'debug', program });
  const random = Math.random;
  const { engine } = pickEngine(process.env, { clock, random, log });
  await engine.start({ tun: { kind: 'device', name: config.tun }, mtu: config.mtu, port: config.port });
  engine.apply([{ op: 'flags-set', flags: { ecn: config.ecn } }]);
  const tunnel = new Tunnel({
    engine,
    privateKey: privateKeyFrom(bytes(config.privateKey)),
    clock,
    random,
    log,
    // Disco is nothing to a plain peer, and a flood of it would be one of lines.
    onRecord: ({ type }) => void (type === 'disco' || log('debug', 'engine.record', { type })),
  });
  tunnel.setPeers(
    config.peers.map((peer, n) => ({
      peer: n + 1,
      publicKey: bytes(peer.publicKey),
      presharedKey: peer.presharedKey === undefined ? undefined : bytes(peer.presharedKey),
      allowedIps: peer.allowedIps,
      persistentKeepaliveMs: peer.keepaliveSeconds === undefined ? undefined : peer.keepaliveSeconds * 1_000,
      wireguardOnly: true,
    })),
  );
  for (const [n, { endpoint }] of config.peers.entries()) {
    const direct = endpoint === undefined ? undefined : parseSockAddr(endpoint);
    if (direct !== undefined)
      engine.apply([{ op: 'path-set', peer: n + 1, path: { mode: 'direct', direct } }]);
  }
  const ip = (line: string): unknown => execFileSync('ip', line.split(' '));
  for (const address of config.addresses) ip(`address add ${address} dev ${config.tun}`);
  ip(`link set ${config.tun} mtu ${config.mtu} up`);
  for (const prefix of config.peers.flatMap(({ allowedIps }) => allowedIps))
    ip(`route replace ${prefix} dev ${config.tun}`);
  return {
    engine,
    tunnel,
    [Symbol.asyncDispose]: async () => {
      tunnel.close();
      await engine.stop();
      await engine.destroy();
    },
  };
}

const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** When this process is told to end. */
export function told(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  return promise;
}
