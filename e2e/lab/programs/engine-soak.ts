/**
 * One of two machines between which an engine is kept busy with changes while traffic runs: keys are renewed, paths flip
 * between the wire and a relay, other peers come and go, filters, switches and sockets change.
 *
 *   node --expose-gc engine-soak.ts CONFIG.json     says `ready`, then a line of JSON every few seconds (../soak-report.ts)
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { privateKeyFrom } from '#shared/key/key.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { pickEngine } from '../../../src-daemon/engine/pick.ts';
import { Tunnel } from '../../../src-daemon/engine/tunnel.ts';
import type { EngineRecord, PathMode, PeerId } from '../../../src-daemon/engine/types.ts';
import { ipPacket } from '../../../src-daemon/testing/packets.ts';
import { soakConfig } from '../soak-report.ts';

const FRIEND: PeerId = 1;
const REGION = 1;
/** WireGuard's type 4. */
const DATA = 4;
const CARRIED_BYTES = 1 << 20;
/** Strangers that never answer: how many there are, and how many of them change at once. */
const STRANGERS = 200;
const CHANGED = 20;
/** A multiple of those that change at once, beyond the friend; then the numbers begin again. */
const LAST_STRANGER = FRIEND + 50_000;
const PATH_MS = 700;
const STRANGERS_MS = 500;
const SETTINGS_MS = 1_300;
const REBIND_MS = 11_000;
const REPORT_MS = 5_000;

const config = soakConfig.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

const clock = systemClock();
const log = openLog({ level: 'warn', program: 'engine-soak' });
const random = Math.random;
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const { engine } = pickEngine(process.env, { clock, random, log });
await engine.start({ tun: { kind: 'device', name: config.tun }, mtu: config.mtu, port: config.port });

/** The relay is a TCP connection each way between the two processes: a length of 16 bits, then a datagram. */
const relay = createServer((socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (more) => {
    rest = Buffer.concat([rest, more]);
    const batch = [];
    for (
      ;
      rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE();
      rest = rest.subarray(2 + rest.readUInt16BE())
    )
      batch.push(new Uint8Array(rest.subarray(2, 2 + rest.readUInt16BE())));
    engine.inject(batch.map((data) => ({ kind: 'relay-in', peer: FRIEND, region: REGION, data })));
  });
});
relay.listen(config.relayPort);
let carrier: Socket | undefined;

/** Data that does not fit any more is dropped, as by any relay. */
function carry(data: Uint8Array): void {
  if (carrier === undefined || carrier.destroyed) {
    carrier = connect({ host: config.friend, port: config.relayPort, noDelay: true });
    carrier.on('error', () => undefined);
  }
  if (carrier.writableLength > CARRIED_BYTES && data[0] === DATA) return;
  const frame = Buffer.allocUnsafe(2 + data.length);
  frame.writeUInt16BE(data.length);
  frame.set(data, 2);
  carrier.write(frame);
}
const devices: string[] = [];
function onRecord(record: EngineRecord): void {
  if (record.type === 'relay-out' && record.peer === FRIEND) carry(record.data);
  if (record.type === 'device') devices.push(record.detail);
}

const tunnel = new Tunnel({
  engine,
  privateKey: privateKeyFrom(bytes(config.privateKey)),
  clock,
  random,
  log,
  onRecord,
});
tunnel.setPeers([
  { peer: FRIEND, publicKey: bytes(config.friendKey), allowedIps: [`${config.friendAddress}/32`] },
]);

function flipPath(): void {
  const mode = pick<PathMode>(['direct', 'direct', 'relay', 'direct+relay']);
  const direct = { ip: config.friend, port: config.port };
  engine.apply([{ op: 'path-set', peer: FRIEND, path: { mode, direct, relayRegion: REGION } }]);
}

const strangerAddress = (peer: PeerId): string => `10.99.${peer >> 8}.${peer & 255}`;
const stranger = (peer: PeerId) => ({
  peer,
  publicKey: new Uint8Array(randomBytes(32)),
  allowedIps: [`${strangerAddress(peer)}/32`],
});
let oldest = FRIEND + 1;
tunnel.changePeers(
  [],
  Array.from({ length: STRANGERS }, (_, i) => stranger(oldest + i)),
);

/** The oldest go, others come, and packets for them wait in vain. */
function changeStrangers(): void {
  const gone = Array.from({ length: CHANGED }, (_, i) => oldest + i);
  const next = (peer: PeerId): PeerId => {
    const number = peer + STRANGERS;
    return number > LAST_STRANGER ? number - LAST_STRANGER + FRIEND : number;
  };
  const fresh = gone.map((peer) => stranger(next(peer)));
  tunnel.changePeers(gone, fresh);
  oldest += CHANGED;
  if (oldest > LAST_STRANGER) oldest = FRIEND + 1;
  const direct = { ip: config.friend, port: 9 };
  engine.apply(
    fresh.map(({ peer }) => ({
      op: 'path-set',
      peer,
      path: { mode: pick<PathMode>(['direct', 'none']), direct },
    })),
  );
  engine.inject(
    fresh.flatMap(({ peer }) =>
      Array.from({ length: 8 }, () => ({
        kind: 'from-host' as const,
        data: ipPacket({ from: config.address, to: strangerAddress(peer), payload: new Uint8Array(1_000) }),
      })),
    ),
  );
}

const all = (ip: string) => ({ prefix: ip, first: 0, last: 65_535 });
let socket = 0;
function changeSettings(): void {
  const others = Array.from({ length: Math.floor(random() * 100) }, (_, i) => ({
    protocols: [6],
    sources: [`10.98.${i}.0/24`],
    destinations: [all('0.0.0.0/0')],
  }));
  const rule = {
    protocols: [],
    sources: [`${config.friendAddress}/32`],
    destinations: [all(`${config.address}/32`)],
  };
  const flag = (): boolean => random() < 0.2;
  socket += 1;
  engine.apply([
    { op: 'filter-set', rules: [...others, rule] },
    {
      op: 'flags-set',
      flags: {
        noUdpGso: flag(),
        noUdpGro: flag(),
        noTunTcpGro: flag(),
        noTunUdpGro: flag(),
        gsoSentinel: flag(),
      },
    },
    { op: 'local-ips', own: [`${config.address}/32`], service: ['100.100.100.100/32'], forwarded: [] },
    { op: 'socket-close', socket: socket - 3 },
    { op: 'socket-open', socket, family: 4 },
  ]);
}

flipPath();
changeSettings();
const ip = (line: string): unknown => execFileSync('ip', line.split(' '));
ip(`address add ${config.address}/32 dev ${config.tun}`);
ip(`link set ${config.tun} mtu ${config.mtu} up`);
ip(`route replace ${config.friendAddress}/32 dev ${config.tun}`);
console.log('ready');

const count = (folder: string): number => readdirSync(`/proc/self/${folder}`).length;
let renewals = 0;
function renew(): void {
  renewals += 1;
  engine.apply([{ op: 'expire-send', peer: FRIEND }]);
}
const timers = [
  setTimeout(() => {
    renew();
    timers.push(setInterval(renew, config.renewMs));
  }, config.renewFirstMs),
  setInterval(flipPath, PATH_MS),
  setInterval(changeStrangers, STRANGERS_MS),
  setInterval(changeSettings, SETTINGS_MS),
  setInterval(() => engine.apply([{ op: 'bind', port: config.port }]), REBIND_MS),
  setInterval(() => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const stats = Object.fromEntries(
      Object.entries(engine.stats()).map(([name, value]) => [name, Number(value)]),
    );
    const resources = { rss, heapUsed, external, threads: count('task'), descriptors: count('fd') };
    console.log(JSON.stringify({ resources, renewals, devices, stats }));
  }, REPORT_MS),
];

const { promise: told, resolve: tell } = Promise.withResolvers<void>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, tell);
await told;
timers.forEach(clearInterval);
relay.close();
carrier?.destroy();
tunnel.close();
await engine.stop();
await engine.destroy();
