/** Who is compared: each starts two hosts joined by a tunnel of its own, the same but for the program in between. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Official } from '../e2e/interop/official.ts';
import { Control } from '../e2e/lab/control.ts';
import { Daemon } from '../e2e/lab/daemon.ts';
import { exec } from '../e2e/lab/exec.ts';
import type { Skipped } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import type { Lab, Switch } from '../e2e/lab/lab.ts';
import { until } from '../e2e/lab/wait.ts';
import { startWgPeer } from '../e2e/lab/wg-peer.ts';
import { makeKeys, startWireGuardGo, type WireGuardOptions } from '../e2e/lab/wireguard-go.ts';

/** What a network of this kind uses (data-plane.md §2.13); it is what the official client has, too. */
export const MTU = 1_280;
const PORT = 51_820;
const NEAR = '10.0.0.1';
const FAR = '10.0.0.2';

/** Two hosts, and their addresses inside the tunnel. */
export interface Link {
  readonly from: Host;
  readonly to: Host;
  readonly near: string;
  readonly far: string;
  /** Of the two programs that make the tunnel. */
  readonly pids: readonly number[];
}

/**
 * `engine`: our engine as a plain WireGuard peer, to be compared with other WireGuard programs. `daemon`: rhumbd in a
 * private network, to be compared with the official client, which bears the same.
 */
export type Role = 'engine' | 'daemon' | 'wireguard' | 'official';

export interface Contestant {
  /** Name and version. */
  readonly title: string;
  readonly role: Role;
  readonly start: (lab: Lab) => Promise<Link>;
}

export interface Field {
  /** Ours is the first. */
  readonly contestants: readonly Contestant[];
  readonly skipped: readonly Skipped[];
  /** What a reader of the figures should know. */
  readonly notes: readonly string[];
}

/** Everybody who is there. */
export async function findContestants(): Promise<Field> {
  const others = await Promise.all([findWireGuardGo(), findGotatun(), findOfficial()]);
  const contestants = others.flatMap((one) => ('contestants' in one ? one.contestants : []));
  return {
    contestants: [{ title: 'ours', role: 'engine', start: startOurs }, ...contestants],
    skipped: others.flatMap((one) => ('why' in one ? [one] : [])),
    notes: others.flatMap((one) => ('note' in one ? [one.note] : [])),
  };
}

type Found = { readonly contestants: readonly Contestant[]; readonly note?: string } | Skipped;

/** The first whose TUN and UDP offloads are those of today. */
const NEW_WIREGUARD_GO = '0.0.20250515';
const HOW_TO_GET_WIREGUARD_GO =
  'Debian’s newer suites carry 0.0.20260522 as a static program: unpack it with `dpkg-deb -x` and name it in RHUMB_BENCH_WIREGUARD_GO';

async function findWireGuardGo(): Promise<Found> {
  const program = process.env['RHUMB_BENCH_WIREGUARD_GO'] ?? inPath('wireguard-go');
  if (program === undefined || !existsSync(program))
    return {
      what: 'wireguard-go',
      why: `${program ?? 'wireguard-go'} is not there; ${HOW_TO_GET_WIREGUARD_GO}`,
    };
  const version = await versionOf(program, /v?(0\.0\.[0-9]+)/);
  const isOld = version < NEW_WIREGUARD_GO;
  return {
    contestants: [{ title: `wireguard-go ${version}`, role: 'wireguard', start: startUserspace(program) }],
    ...(isOld ? { note: `wireguard-go ${version} is without offloads; ${HOW_TO_GET_WIREGUARD_GO}` } : {}),
  };
}

async function findGotatun(): Promise<Found> {
  const program = process.env['RHUMB_BENCH_GOTATUN'] ?? inPath('gotatun');
  if (program === undefined || !existsSync(program)) {
    const how = '`cargo install gotatun-cli --root FOLDER`, and RHUMB_BENCH_GOTATUN=FOLDER/bin/gotatun';
    return { what: 'gotatun', why: `${program ?? 'gotatun'} is not there; ${how}` };
  }
  const version = await versionOf(program, /(\d+\.\d+\.\d+)/);
  // Unless told it becomes who logged in, and a lab has no such person.
  const start = startUserspace(program, '--disable-drop-privileges');
  return { contestants: [{ title: `gotatun ${version}`, role: 'wireguard', start }] };
}

async function findOfficial(): Promise<Found> {
  const program = process.env['RHUMB_BENCH_TAILSCALED'];
  const tailscale = join(dirname(program ?? ''), 'tailscale');
  if (program === undefined || !existsSync(program) || !existsSync(tailscale)) {
    const how =
      'RHUMB_BENCH_TAILSCALED names the one of the official static packages, which has `tailscale` beside it';
    return {
      what: 'tailscaled, and rhumbd beside it',
      why: `${program ?? 'tailscaled'} is not there; ${how}`,
    };
  }
  // Where those who start it look.
  process.env['RHUMB_INTEROP_TAILSCALED'] = program;
  process.env['RHUMB_INTEROP_TAILSCALE'] = tailscale;
  const version = await versionOf(program, /(\d+\.\d+\.\d+)/);
  return {
    contestants: [
      { title: `tailscaled ${version}`, role: 'official', start: startOfficial },
      { title: 'rhumbd', role: 'daemon', start: startDaemons },
    ],
  };
}

const inPath = (program: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));

async function versionOf(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await exec([program, '--version'], { mayFail: true });
  return pattern.exec(stdout)?.[1] ?? 'unknown';
}

/** All of one host on one processor, all of the other on the next (data-plane.md §5.6), where there are two. */
export async function addHosts(lab: Lab, name: string, lan: Switch): Promise<readonly [Host, Host]> {
  const isPinned = process.env['RHUMB_BENCH_UNPINNED'] === undefined;
  const add = (end: string, cpus: string): Promise<Host> =>
    lab.addHost(`${name}-${end}`, { on: [lan], cpus: isPinned ? cpus : undefined });
  return [await add('a', '0'), await add('b', '1')];
}

export const pinning = (): string =>
  process.env['RHUMB_BENCH_UNPINNED'] === undefined
    ? 'one host and its programs on processor 0, the other on processor 1'
    : 'not pinned to processors';

type Start = (host: Host, options: WireGuardOptions) => Promise<number>;

const startOurs = (lab: Lab): Promise<Link> =>
  wireGuardLink(lab, 'ours', async (host, options) => (await startWgPeer(host, options)).process.pid);

const startUserspace =
  (...program: readonly string[]) =>
  (lab: Lab): Promise<Link> =>
    wireGuardLink(lab, `peer${lab.hosts.length}`, async (host, options) => {
      const { process: child } = await startWireGuardGo(host, { ...options, program, logLevel: 'error' });
      return child.pid;
    });

async function wireGuardLink(lab: Lab, name: string, start: Start): Promise<Link> {
  const lan = await lab.addSwitch(name);
  const [from, to] = await addHosts(lab, name, lan);
  const [nearKeys, farKeys] = [await makeKeys(), await makeKeys()];
  const farPid = await start(to, {
    port: PORT,
    mtu: MTU,
    keys: farKeys,
    addresses: [`${FAR}/32`],
    peers: [{ publicKey: nearKeys.publicKey, allowedIps: [`${NEAR}/32`] }],
  });
  const nearPid = await start(from, {
    port: PORT,
    mtu: MTU,
    keys: nearKeys,
    addresses: [`${NEAR}/32`],
    peers: [{ publicKey: farKeys.publicKey, endpoint: `${to.v4}:${PORT}`, allowedIps: [`${FAR}/32`] }],
  });
  return await reached({ from, to, near: NEAR, far: FAR, pids: [nearPid, farPid] });
}

async function startDaemons(lab: Lab): Promise<Link> {
  const { hosts, server, authKey } = await joinable(lab, 'rhumbd');
  const [a, b] = [await Daemon.start(hosts[0]), await Daemon.start(hosts[1])];
  for (const machine of [a, b]) await machine.join({ server, authKey });
  const [[near], [far]] = [await a.addresses(), await b.addresses()];
  const link = { from: a.host, to: b.host, near, far, pids: [a.process.pid, b.process.pid] };
  return await reached(link, async () => (await a.peerNow(b.host.name))?.CurAddr);
}

async function startOfficial(lab: Lab): Promise<Link> {
  const { hosts, server, authKey } = await joinable(lab, 'official');
  const [a, b] = [await Official.start(hosts[0]), await Official.start(hosts[1])];
  for (const machine of [a, b]) await machine.join(server, authKey);
  const [[near], [far]] = [await a.addresses(), await b.addresses()];
  const link = { from: a.host, to: b.host, near, far, pids: [a.process.pid, b.process.pid] };
  return await reached(link, async () => (await a.peerNow(b.host.name))?.CurAddr);
}

interface Joinable {
  readonly hosts: readonly [Host, Host];
  readonly server: string;
  readonly authKey: string;
}

async function joinable(lab: Lab, name: string): Promise<Joinable> {
  const lan = await lab.addSwitch(name);
  const control = await Control.start(await lab.addHost(`${name}-control`, { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  return { hosts: await addHosts(lab, name, lan), server: control.url, authKey };
}

/** Waits until packets go through, and go straight where `direct` can tell. */
async function reached(link: Link, direct?: () => Promise<string | undefined>): Promise<Link> {
  await until(`${link.from.name} to reach ${link.far}, straight`, async () => {
    const { received } = await link.from.ping(link.far, { waitMs: 2_000 });
    return received === 1 && (direct === undefined || Boolean(await direct()));
  });
  return link;
}
