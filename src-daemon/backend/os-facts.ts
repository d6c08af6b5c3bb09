/** Facts of the system that Hostinfo tells, read once at start. */
import { existsSync, readFileSync } from 'node:fs';
import { arch, hostname, machine, release } from 'node:os';

export interface OsFacts {
  readonly os: string;
  readonly osVersion: string;
  readonly distro: string;
  readonly distroVersion: string;
  readonly distroCodeName: string;
  readonly container: boolean;
  readonly machine: string;
  readonly goArch: string;
  readonly hostname: string;
  readonly hasIpv6: boolean;
}

/** Names that the ecosystem shows (localapi-and-daemon.md §2.3). */
const OS_NAMES: Readonly<Record<string, string>> = { darwin: 'macOS', win32: 'windows' };
const ARCH_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // informational, and absent on many systems
  }
}

/** Fields of os-release(5): `NAME=value` or `NAME="value"`. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|([^"'\s]*))\s*$/.exec(line);
    if (match !== null) fields.set(match[1] as string, match[2] ?? match[3] ?? match[4] ?? '');
  }
  return fields;
}

export function readOsFacts(platform: string = process.platform): OsFacts {
  const release_ = parseOsRelease(readOptional('/etc/os-release'));
  return {
    os: OS_NAMES[platform] ?? platform,
    osVersion: release(),
    distro: release_.get('ID') ?? '',
    distroVersion: release_.get('VERSION_ID') ?? '',
    distroCodeName: release_.get('VERSION_CODENAME') ?? '',
    container: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    machine: machine(),
    goArch: ARCH_NAMES[arch()] ?? arch(),
    hostname: hostname(),
    hasIpv6: existsSync('/proc/net/if_inet6'),
  };
}
