/** Which of a Linux system's many ways to set name servers is in charge, and why we think so (localapi-and-daemon.md §6.6). */

import { nssAsksResolved, ownerOf, pointsToResolved, readResolvConf } from './resolv-conf.ts';
import type { Mode } from './types.ts';

/** What has to be found out; each is asked for only where it matters. */
export interface Surroundings {
  /** Undefined = there is none. Rejects when it can't be read. */
  readonly resolvConf: () => Promise<string | undefined>;
  readonly nsswitch: () => Promise<string>;
  /** Starts it where the bus does that on demand: it then writes resolv.conf before it answers. */
  readonly resolvedAnswers: () => Promise<boolean>;
  readonly networkManager: () => Promise<NetworkManagerFacts | undefined>;
  readonly resolvconfFlavour: () => Promise<'debian' | 'openresolv' | undefined>;
}

export interface NetworkManagerFacts {
  /** Undefined = it does not say. */
  readonly version: string | undefined;
  readonly usesResolved: boolean;
}

export interface Detected {
  readonly mode: Exclude<Mode, 'none'>;
  /** Facts in the order in which they were found, for the log. */
  readonly because: readonly string[];
  /** systemd-resolved and NetworkManager don't know of each other, so that names may not resolve. */
  readonly isMiswired: boolean;
}

/**
 * These versions of NetworkManager override what others tell systemd-resolved, so they must be told themselves. Later ones
 * don't, and pay no attention to what they are told about interfaces that they don't manage; earlier ones refuse it.
 */
const FIRST_OVERRIDING = [1, 26, 0];
const LAST_OVERRIDING = [1, 26, 5];

export async function detect(system: Surroundings): Promise<Detected> {
  const because: string[] = [];
  const done = (mode: Detected['mode'], isMiswired = false): Detected => ({ mode, because, isMiswired });
  if (await system.resolvedAnswers()) because.push('systemd-resolved answers');
  const text = await system.resolvConf();
  if (text === undefined) {
    because.push('there is no resolv.conf');
    return done('direct');
  }
  const owner = ownerOf(text).kind;
  because.push(owner === 'none' ? 'resolv.conf names no owner' : `resolv.conf is of ${owner}`);
  switch (owner) {
    case 'none':
    case 'rhumbd':
      return done('direct');
    case 'resolvconf': {
      // Some systems have it write no server but systemd-resolved, which then is the one to tell.
      if (pointsToResolved(readResolvConf(text)))
        return await throughResolved('systemd-resolved', system, because);
      const flavour = await system.resolvconfFlavour();
      because.push(flavour === undefined ? 'there is no program resolvconf' : `resolvconf is ${flavour}'s`);
      if (flavour === undefined) return done('direct');
      return done(flavour === 'debian' ? 'debian-resolvconf' : 'openresolv');
    }
    case 'systemd-resolved':
    case 'NetworkManager': {
      const isResolver = await resolvedIsAsked(system, text);
      because.push(isResolver ? 'programs ask systemd-resolved' : 'programs pass systemd-resolved by');
      // Not through NetworkManager then, either: the interface would lose its IPv6 settings.
      if (!isResolver) return done('direct');
      return await throughResolved(owner, system, because);
    }
    default:
      return owner satisfies never;
  }
}

async function throughResolved(
  owner: 'systemd-resolved' | 'NetworkManager',
  system: Surroundings,
  because: string[],
): Promise<Detected> {
  const manager = await system.networkManager();
  const done = (mode: Detected['mode'], isMiswired = false): Detected => ({ mode, because, isMiswired });
  if (manager === undefined) {
    because.push('NetworkManager does not answer');
    return done('systemd-resolved');
  }
  because.push(`NetworkManager is ${manager.version ?? 'of unknown version'}`);
  because.push(`NetworkManager ${manager.usesResolved ? 'uses' : 'does not use'} systemd-resolved`);
  const overrides = manager.version !== undefined && isOverriding(manager.version);
  if (owner === 'systemd-resolved')
    return done(overrides && manager.usesResolved ? 'network-manager' : 'systemd-resolved');
  if (overrides) return done('network-manager');
  if (!manager.usesResolved) return done('direct');
  return done('systemd-resolved', true);
}

/** Some systems name systemd-resolved in the file and then ask others. */
async function resolvedIsAsked(system: Surroundings, resolvConf: string): Promise<boolean> {
  return nssAsksResolved(await system.nsswitch()) || pointsToResolved(readResolvConf(resolvConf));
}

function isOverriding(version: string): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10));
  const number = FIRST_OVERRIDING.map((_, i) => parts[i] ?? 0);
  return compare(number, FIRST_OVERRIDING) >= 0 && compare(number, LAST_OVERRIDING) <= 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, part] of a.entries()) {
    const difference = part - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
