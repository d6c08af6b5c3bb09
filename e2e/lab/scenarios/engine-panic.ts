/** Each kind of thread of the native engine panics under load: another engine takes over device and sockets, and traffic comes back. */
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { loadEngine } from '../../../src-daemon/ffi/engine.ts';
import { openCheckedStream } from '../checked-stream.ts';
import { exec } from '../exec.ts';
import { ROOT } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab, Switch } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';
import { startWgPeer, type WgPeer } from '../wg-peer.ts';
import { makeKeys, type WireGuardKeys } from '../wireguard-go.ts';

const CRATE = join(ROOT, 'native');
/** Of an engine with the feature `drill` (native/src/drill.rs); it is found nowhere else. */
const TARGET = join(CRATE, 'target/drill');
const LIBRARY = join(TARGET, 'debug/librhumb_engine.so');
const BUILD_MS = 180_000;
const WORDS = 'whoever reads this panics';
const PORT = 51_820;
const RATE = 1_000_000;
const SECONDS = 15;
/** Who has just answered a handshake begins none (data-plane.md §1.9). */
const QUIET_MS = 5_500;
const BACK_MS = 10_000;

interface Machine {
  readonly host: Host;
  readonly ip: string;
  readonly peer: WgPeer;
}

/** Which thread of the first machine panics, and then the other one of the second. */
interface Drill {
  readonly name: string;
  readonly engines: readonly [first: string, second: string];
  readonly first: 'pe-tx' | 'pe-rx';
}

const DRILLS: readonly Drill[] = [
  { name: 'a', engines: ['native', 'plain'], first: 'pe-tx' },
  { name: 'b', engines: ['native', 'plain'], first: 'pe-rx' },
];

async function run(lab: Lab): Promise<Record<string, number>> {
  const build = ['build', '--locked', '--quiet', '--lib', '--features', 'drill', '--target-dir', TARGET];
  const began = clock.monotonic();
  await exec(['cargo', ...build, '--manifest-path', join(CRATE, 'Cargo.toml')], { timeoutMs: BUILD_MS });
  const buildMs = Math.round(clock.monotonic() - began);
  const lan = await lab.addSwitch('drill');
  const gaps = await Promise.all(DRILLS.map((drill) => play(lab, lan, drill)));
  return { buildMs, panics: gaps.flat().length, longestGapMs: Math.round(Math.max(...gaps.flat())) };
}

/** The longest silence after each panic. */
async function play(lab: Lab, lan: Switch, { name, engines, first }: Drill): Promise<readonly number[]> {
  const hosts = [
    await lab.addHost(`${name}1`, { on: [lan] }),
    await lab.addHost(`${name}2`, { on: [lan] }),
  ] as const;
  const keys = [await makeKeys(), await makeKeys()] as const;
  const ips = ['10.0.0.1', '10.0.0.2'] as const;
  const machine = async (own: 0 | 1, far: 0 | 1): Promise<Machine> => {
    const [host, ip] = [hosts[own], ips[own]];
    const peers = [
      {
        publicKey: keys[far].publicKey,
        allowedIps: [`${ips[far]}/32`],
        endpoint: `${hosts[far].v4}:${PORT}`,
      },
    ];
    const env = { RHUMB_ENGINE: engines[own], RHUMB_ENGINE_LIBRARY: LIBRARY };
    const peer = await startWgPeer(
      host,
      { keys: keys[own] as WireGuardKeys, port: PORT, mtu: 1_280, addresses: [`${ip}/32`], peers },
      env,
    );
    return { host, ip, peer };
  };
  const [one, two] = [await machine(0, 1), await machine(1, 0)];
  await using pings = traffic(one.host, two.ip);
  await pings.more(5);
  const bytes = RATE * SECONDS;
  const streams = await Promise.all(
    [[one, two] as const, [two, one] as const].map(([from, to]) =>
      openCheckedStream({ from: from.host, to: to.host, address: to.ip, bytes, rate: RATE }),
    ),
  );
  const second = first === 'pe-tx' ? 'pe-rx' : 'pe-tx';
  const gaps: number[] = [];
  for (const [thread, at, far] of [
    [first, one, two],
    [second, two, one],
  ] as const) {
    await clock.sleep(QUIET_MS);
    const before = await looks(at);
    const sinceMs = clock.now();
    await panic(thread, at, far);
    await at.peer.process.says(/"event":"engine\.failed"/);
    const failedMs = clock.now();
    await until(`pings after the panic of ${thread}`, () => pings.firstAfter(failedMs), {
      timeoutMs: BACK_MS,
    });
    await pings.more(20);
    gaps.push(pings.longestGapMs(sinceMs));
    told(thread, at);
    const after = await looks(at);
    must(after === before, `the same device, socket and threads: first ${before}, then ${after}`);
  }
  for (const stream of streams) {
    const end = await stream.end(SECONDS * 4_000);
    must(end.bytes === bytes && end.wrong === 0, `${end.bytes} of ${bytes} bytes, ${end.wrong} pieces wrong`);
  }
  return gaps;
}

/** A packet through the device of the machine, or a datagram to its socket. */
async function panic(thread: 'pe-tx' | 'pe-rx', at: Machine, far: Machine): Promise<void> {
  const [from, to] = thread === 'pe-tx' ? [at, `${far.ip}/9`] : [far, `${at.host.v4}/${PORT}`];
  await from.host.exec(['bash', '-c', `printf %s "${WORDS}" >/dev/udp/${to}`]);
}

/** Once, with what the panic said, and which thread it was. */
function told(thread: string, { peer: { process } }: Machine): void {
  const lines = process.output.split('\n');
  const failed = lines.filter((line) => line.includes('"event":"engine.failed"'));
  must(failed.length === 1, `it is told once: ${failed.join('\n')}`);
  must(failed[0]?.includes('"why":"a drill, not an emergency"'), `it says why: ${failed[0]}`);
  must(
    lines.some((line) => line.includes(`thread '${thread}'`)),
    `${thread} panicked: ${process.tail(40)}`,
  );
  must(process.running, 'the program lives');
}

/** The device by its number, the socket by its own, and the program's threads and descriptors. */
async function looks({ host, peer }: Machine): Promise<string> {
  const port = PORT.toString(16).toUpperCase();
  const script = `cat /sys/class/net/rhumb0/ifindex; awk '$2 ~ /:${port}$/ {print $10}' /proc/net/udp`;
  const { stdout } = await host.exec([
    'sh',
    '-c',
    `${script}; cat /proc/${peer.process.pid}/task/*/comm | grep ^pe- | sort`,
  ]);
  const descriptors = readdirSync(`/proc/${peer.process.pid}/fd`).length;
  return `${stdout.split('\n').join(' ')}${descriptors} descriptors`;
}

export const enginePanic: Scenario = {
  name: 'engine-panic',
  what: 'a thread of the native engine panics under load, another engine takes over, and no connection breaks',
  needs: ['wg', 'bash'],
  whyNot: () => {
    const engine = loadEngine();
    if (!engine.ok) return engine.why;
    const folders = (process.env['PATH'] ?? '').split(delimiter);
    return folders.some((folder) => existsSync(join(folder, 'cargo'))) ? undefined : 'needs a Rust toolchain';
  },
  run,
};
