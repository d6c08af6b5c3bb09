/**
 * A plain WireGuard peer made of our engine and handshake core, without control server or disco: what talks to other
 * people's WireGuard in the lab.
 *
 *   node wg-peer.ts CONFIG.json     says `ready`, then what it knows of its peers once a second, until SIGTERM
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseSockAddr } from '#shared/ip/address.ts';
import { privateKeyFrom } from '#shared/key/key.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { pickEngine } from '../../../src-daemon/engine/pick.ts';
import { Tunnel } from '../../../src-daemon/engine/tunnel.ts';
import { wgConfig } from '../wg-config.ts';

const REPORT_MS = 1_000;

const config = wgConfig.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

const clock = systemClock();
const log = openLog({ level: 'debug', program: 'wg-peer' });
const random = Math.random;
const { engine } = pickEngine(process.env, { clock, random, log });
await engine.start({ tun: { kind: 'device', name: config.tun }, mtu: config.mtu, port: config.port });

const privateKey = privateKeyFrom(bytes(config.privateKey));
const tunnel = new Tunnel({
  engine,
  privateKey,
  clock,
  random,
  log,
  onRecord: (record) => log('debug', 'engine.record', { type: record.type }),
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
  if (direct !== undefined) engine.apply([{ op: 'path-set', peer: n + 1, path: { mode: 'direct', direct } }]);
}

const ip = (line: string): unknown => execFileSync('ip', line.split(' '));
for (const address of config.addresses) ip(`address add ${address} dev ${config.tun}`);
ip(`link set ${config.tun} mtu ${config.mtu} up`);
for (const prefix of config.peers.flatMap(({ allowedIps }) => allowedIps))
  ip(`route replace ${prefix} dev ${config.tun}`);
console.log('ready');

const report = (): void => {
  const activity = new Map(engine.peers().map((one) => [one.peer, one]));
  const peers = config.peers.map((_, n) => ({
    lastHandshakeAt: tunnel.peerStatus(n + 1)?.lastHandshakeAt,
    rxBytes: activity.get(n + 1)?.rxBytes ?? 0,
    txBytes: activity.get(n + 1)?.txBytes ?? 0,
  }));
  console.log(JSON.stringify({ peers }));
};
const timer = setInterval(report, REPORT_MS);

const { promise: told, resolve: tell } = Promise.withResolvers<void>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, tell);
await told;
clearInterval(timer);
tunnel.close();
await engine.stop();
await engine.destroy();
