/** A daemon's network grows from one peer to ten thousand, all of whom are replaced by others, again and again, while it is busy with one who stays. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckedStream } from '../checked-stream.ts';
import { FRIEND_IP, OWN_IP, strangerIp } from '../crowd-addresses.ts';
import { Daemon } from '../daemon.ts';
import { engineName, ROOT } from '../figures.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';
import { startWgPeer } from '../wg-peer.ts';
import { makeKeys } from '../wireguard-go.ts';

const PROGRAM = join(ROOT, 'e2e/lab/programs/crowd-server.ts');
const PORT = 41_641;
const CROWD = 10_000;
const CROWDS = 12;
const RATE = 3_000_000;
const SECONDS = 40;
const KNOWN_MS = 30_000;
const CALM_MS = 500;
/** The portable engine has no thread of its own to move packets while a map is read. */
const GAP_MS = 20_000;
const NATIVE_GAP_MS = 2_000;
/** The old crowd and the new one find room in it, each of about 45 MB, but not all of them. */
const HEAP = { NODE_OPTIONS: '--max-old-space-size=256' };
/** The heap comes and goes; what nobody forgets, of any memory, is there after each of the last crowds. */
const GROWTH_BYTES = 64 << 20;

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('crowd');
  const host = await lab.addHost('alpha', { on: [lan] });
  const friend = await lab.addHost('friend', { on: [lan] });
  const keys = await makeKeys();
  const argv = [process.execPath, PROGRAM, keys.publicKey, `${friend.v4}:${PORT}`, `${CROWD}`];
  const server = host.spawn({ name: 'crowd-server', argv });
  const [url = ''] = await server.says(/^http:.*$/m);
  const alpha = await Daemon.start(host, ['--port', `${PORT}`], HEAP);
  await alpha.join({ server: url, authKey: 'tskey-auth-any' });
  const { Self } = await alpha.status();
  const own = { publicKey: base64Of(Self?.PublicKey ?? ''), allowedIps: [`${OWN_IP}/32`] };
  await startWgPeer(friend, { keys, port: PORT, addresses: [`${FRIEND_IP}/32`], peers: [own], mtu: 1_280 });

  await using pings = traffic(host, FRIEND_IP);
  await pings.more(20);
  const sinceMs = clock.now();
  const bytes = RATE * SECONDS;
  const ways = [
    { from: host, to: friend, address: FRIEND_IP },
    { from: friend, to: host, address: OWN_IP },
  ];
  const streams = await Promise.all(ways.map((way) => openCheckedStream({ ...way, bytes, rate: RATE })));
  const knows = async (crowd: number): Promise<boolean> =>
    (await whois(alpha, strangerIp(crowd, CROWD - 1))) &&
    (crowd === 1 || !(await whois(alpha, strangerIp(crowd - 1, 0))));

  const before = residentBytes(alpha);
  const resident: number[] = [];
  let longestMs = 0;
  for (let crowd = 1; crowd <= CROWDS; crowd++) {
    const began = clock.monotonic();
    server.signal('SIGUSR2');
    await until(`crowd ${crowd} to be known`, () => knows(crowd), { timeoutMs: KNOWN_MS });
    longestMs = Math.max(longestMs, clock.monotonic() - began);
    await clock.sleep(CALM_MS);
    resident.push(residentBytes(alpha));
    must(alpha.process.running, `the daemon lives: ${alpha.process.tail(5)}`);
    for (const stream of streams) stream.progress();
  }
  server.signal('SIGHUP');
  await until('the crowd to be gone', async () => !(await whois(alpha, strangerIp(CROWDS, 0))));
  for (const stream of streams) {
    const end = await stream.end(SECONDS * 4_000);
    must(end.bytes === bytes && end.wrong === 0, `${end.bytes} of ${bytes} bytes, ${end.wrong} pieces wrong`);
  }
  await pings.more(20);
  const pingGapMs = pings.longestGapMs(sinceMs);
  const mostMs = engineName() === 'portable' ? GAP_MS : NATIVE_GAP_MS;
  must(pingGapMs < mostMs, `pings stopped for ${pingGapMs} ms`);
  const growth = Math.min(...resident.slice(-3)) - Math.max(...resident.slice(1, 4));
  must(growth < GROWTH_BYTES, `the memory grew by ${growth} bytes: ${resident}`);
  return {
    pingGapMs,
    lostPings: pings.lost(),
    knownMs: longestMs,
    beforeMiB: before >> 20,
    crowdMiB: (resident.at(-1) ?? 0) >> 20,
    afterMiB: residentBytes(alpha) >> 20,
    growthMiB: growth / 2 ** 20,
  };
}

/** Whether the daemon knows a machine of that address. */
async function whois(daemon: Daemon, ip: string): Promise<boolean> {
  const { status } = await daemon.api.raw({ method: 'GET', path: `whois?addr=${ip}`, text: undefined });
  return status === 200;
}

/** Of a daemon's process, from proc_pid_status(5). */
function residentBytes(daemon: Daemon): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
    readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8'),
  )?.[1];
  return Number(kilobytes) * 1_024;
}

const base64Of = (nodeKey: string): string =>
  Buffer.from(nodeKey.slice('nodekey:'.length), 'hex').toString('base64');

export const crowd: Scenario = {
  name: 'crowd',
  what: 'ten thousand peers are replaced by others under load, and who stays notices a pause at most',
  needs: ['wg'],
  isSlow: true,
  run,
};
