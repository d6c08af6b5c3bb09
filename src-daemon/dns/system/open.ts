/** Finds out who is in charge of names on this system, and opens the way to tell them. */
import { constants, existsSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import { canonicalIp, isTailnetIp, parseIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { DBusConnection, must } from '../../dbus/connection.ts';
import { interfaceIndex } from '../../ffi/interface-index.ts';
import { DebianResolvconfDns } from './debian-resolvconf.ts';
import { type Detected, detect, type NetworkManagerFacts, type Surroundings } from './detect.ts';
import { DirectDns } from './direct.ts';
import { NETWORK_MANAGER, NetworkManagerDns, NM_DNS_MANAGER } from './network-manager.ts';
import { NoSystemDns } from './none.ts';
import { OpenresolvDns } from './openresolv.ts';
import { mustRun, type RunProgram, runProgram } from './program.ts';
import { readResolvConf } from './resolv-conf.ts';
import { RESOLV_FILES, readText } from './resolv-files.ts';
import { RESOLVED, ResolvedDns } from './resolved.ts';
import type { SystemEvents, SystemResolver } from './types.ts';
import { watchFile } from './watch-file.ts';

const NSSWITCH = '/etc/nsswitch.conf';
/** Whom systemd-resolved asks, whatever resolv.conf says (systemd-resolved.service(8)). */
const RESOLVED_SERVERS = '/run/systemd/resolve/resolv.conf';
const SELINUX_ENFORCES = '/sys/fs/selinux/enforce';
const BUS_TIMEOUT_MS = 1_000;
/** A system that starts a service for the question may take its time. */
const ACTIVATION_TIMEOUT_MS = 3_000;

export interface SystemDeps {
  readonly tunName: string;
  readonly events: SystemEvents;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Opened {
  readonly system: SystemResolver;
  readonly isMiswired: boolean;
}

/** The way that this system wants to be told. */
export async function openSystemDns(deps: SystemDeps): Promise<Opened> {
  const { log } = deps;
  if (process.platform !== 'linux') return { system: leaveSystemAlone(), isMiswired: false };
  const bus = await openBus(AbortSignal.timeout(BUS_TIMEOUT_MS)).catch(() => undefined);
  let detected: Detected;
  try {
    detected = await detect(surroundings(bus));
  } catch (error) {
    await bus?.[Symbol.asyncDispose]();
    throw error;
  }
  const { mode, because, isMiswired } = detected;
  log('info', 'dns.mode', { mode, because });
  const system = await open(mode, bus, deps);
  if (mode !== 'systemd-resolved' && mode !== 'network-manager') await bus?.[Symbol.asyncDispose]();
  return { system, isMiswired };
}

/** Takes back what a daemon that was killed left, however this system was set up then. Returns what was done, for people. */
export async function undoSystemDns(deps: Omit<SystemDeps, 'events'>): Promise<readonly string[]> {
  const { tunName } = deps;
  const done: string[] = [];
  const quiet = { ...deps, events: { stale: () => undefined, overwritten: () => undefined } };
  await using direct = directDns(quiet);
  if (await direct.restore()) done.push(`name servers in ${RESOLV_FILES.resolvConf}`);
  const flavour = await resolvconfFlavour(runProgram);
  if (flavour !== undefined && (await resolvconfDns(flavour, tunName).restore()))
    done.push(`name servers in resolvconf for ${tunName}`);
  // An interface that outlived its daemon kept its settings.
  if (interfaceIndex(tunName) === undefined) return done;
  const bus = await openBus(AbortSignal.timeout(BUS_TIMEOUT_MS)).catch(() => undefined);
  if (bus === undefined) return done;
  await using resolved = await ResolvedDns.start({ ...quiet, bus, openBus, link: linkOf(tunName) });
  if (await resolved.restore()) done.push(`name servers in systemd-resolved for ${tunName}`);
  return done;
}

async function open(
  mode: Detected['mode'],
  bus: DBusConnection | undefined,
  deps: SystemDeps,
): Promise<SystemResolver> {
  const { tunName, clock } = deps;
  switch (mode) {
    case 'systemd-resolved':
      return await ResolvedDns.start({
        ...deps,
        bus: bus ?? (await openBus(AbortSignal.timeout(BUS_TIMEOUT_MS))),
        openBus,
        link: linkOf(tunName),
      });
    case 'network-manager': {
      const connection = bus ?? (await openBus(AbortSignal.timeout(BUS_TIMEOUT_MS)));
      const dnsMode = await connection.property(NM_DNS_MANAGER, 'Mode', AbortSignal.timeout(BUS_TIMEOUT_MS));
      const canSplit = dnsMode === 'dnsmasq' || dnsMode === 'systemd-resolved';
      const ownIpv6 = (): readonly string[] => ownAddresses(tunName);
      return new NetworkManagerDns({ bus: connection, tunName, canSplit, ownIpv6, clock });
    }
    case 'debian-resolvconf':
      return resolvconfDns('debian', tunName);
    case 'openresolv':
      return resolvconfDns('openresolv', tunName);
    case 'direct':
      return directDns(deps);
    default:
      return mode satisfies never;
  }
}

/** macOS and Windows have other ways; until they are here, who asks our resolver by its address gets answers. */
const leaveSystemAlone = (): SystemResolver =>
  new NoSystemDns({
    refusal:
      'rhumbd can set the name servers of Linux only; ask 100.100.100.100 for names of the network, or give the wish up with rhumb set --accept-dns=false',
    base: async () => readResolvConf((await readText(RESOLV_FILES.resolvConf)) ?? ''),
  });

const resolvconfDns = (flavour: 'debian' | 'openresolv', tunName: string): SystemResolver =>
  flavour === 'debian'
    ? new DebianResolvconfDns({ tunName, run: runProgram })
    : new OpenresolvDns({ tunName, run: runProgram });

const directDns = (deps: SystemDeps): DirectDns =>
  new DirectDns({
    ...deps,
    files: RESOLV_FILES,
    resolvedServers: RESOLVED_SERVERS,
    hasInterface: (name) => interfaceIndex(name) !== undefined,
    relabel,
    restartResolved,
    watch: watchFile,
  });

const openBus = (signal: AbortSignal): Promise<DBusConnection> =>
  DBusConnection.open({ addresses: process.env['DBUS_SYSTEM_BUS_ADDRESS'] }, signal);

const linkOf = (tunName: string) => (): number | undefined => interfaceIndex(tunName);

function surroundings(bus: DBusConnection | undefined): Surroundings {
  return {
    resolvConf: () => readText(RESOLV_FILES.resolvConf),
    nsswitch: () => readFile(NSSWITCH, 'utf8').catch(() => ''),
    resolvedAnswers: async () => bus !== undefined && (await answers(bus, RESOLVED)),
    networkManager: async () => (bus === undefined ? undefined : await askNetworkManager(bus)),
    resolvconfFlavour: () => resolvconfFlavour(runProgram),
  };
}

/** No answer, for whatever reason, means that it can't be told anything. */
async function answers(
  bus: DBusConnection,
  of: { readonly destination: string; readonly path: string },
): Promise<boolean> {
  const { destination, path } = of;
  const ping = { destination, path, interface: 'org.freedesktop.DBus.Peer', member: 'Ping' };
  const reply = await bus.call(ping, AbortSignal.timeout(ACTIVATION_TIMEOUT_MS)).catch(() => undefined);
  return reply?.ok === true;
}

async function askNetworkManager(bus: DBusConnection): Promise<NetworkManagerFacts | undefined> {
  const signal = AbortSignal.timeout(BUS_TIMEOUT_MS);
  if (!(await bus.hasOwner(NETWORK_MANAGER.destination, signal))) return undefined;
  if (!(await answers(bus, NM_DNS_MANAGER))) return undefined;
  const version = await bus.property(NETWORK_MANAGER, 'Version', signal);
  const mode = await bus.property(NM_DNS_MANAGER, 'Mode', signal);
  return {
    version: typeof version === 'string' ? version : undefined,
    usesResolved: mode === 'systemd-resolved',
  };
}

/** Two programs of one name. Debian's knows no --version; systemd's only passes things on to systemd-resolved. */
async function resolvconfFlavour(run: RunProgram): Promise<'debian' | 'openresolv' | undefined> {
  if (!(await isInstalled('resolvconf'))) return undefined;
  const { code, stdout } = await run(['resolvconf', '--version']);
  if (code === 99 || stdout.startsWith('Debian resolvconf')) return 'debian';
  return stdout.startsWith('systemd ') ? undefined : 'openresolv';
}

async function isInstalled(program: string): Promise<boolean> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

const ownAddresses = (tunName: string): readonly string[] =>
  (networkInterfaces()[tunName] ?? []).flatMap(({ address, family }) => {
    const ip = parseIp(address);
    return family === 'IPv6' && ip !== undefined && isTailnetIp(ip) ? [canonicalIp(address) ?? address] : [];
  });

async function relabel(path: string): Promise<void> {
  if (!existsSync(SELINUX_ENFORCES) || !(await isInstalled('restorecon'))) return;
  if ((await readFile(SELINUX_ENFORCES, 'latin1')).trim() === '1')
    await mustRun(runProgram, ['restorecon', path]);
}

/** It reads the file when it starts; where it runs although the file is ours, it has to be told. */
async function restartResolved(): Promise<void> {
  const bus = await openBus(AbortSignal.timeout(BUS_TIMEOUT_MS)).catch(() => undefined);
  if (bus === undefined) return;
  await using connection = bus;
  const signal = AbortSignal.timeout(BUS_TIMEOUT_MS);
  if (!(await connection.hasOwner(RESOLVED.destination, signal))) return;
  const call = {
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'TryRestartUnit',
    signature: 'ss',
    body: ['systemd-resolved.service', 'replace'],
  };
  must('restart systemd-resolved', await connection.call(call, signal));
}
