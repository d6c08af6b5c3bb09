/** What the system's files say about names: /etc/hosts, and the name servers behind whoever answers locally. */
import { readFile, stat } from 'node:fs/promises';
import { canonicalIp, parseIp, SERVICE_IP, SERVICE_IP6 } from '#shared/ip/address.ts';
import { isLoopback } from './escape.ts';

/** More than any of these files has; a larger one is none of them. */
const MAX_BYTES = 1024 * 1024;
/** The C library asks three; local answerers know more. */
const MAX_SERVERS = 6;

const RESOLV_CONF = '/etc/resolv.conf';
const RESOLVED = '/run/systemd/resolve/resolv.conf';
/** The second is the copy of the first from before this daemon wrote there; the others are what local answerers ask themselves. */
const RESOLVER_FILES = [
  RESOLV_CONF,
  '/etc/resolv.pre-rhumb-backup.conf',
  RESOLVED,
  '/run/NetworkManager/no-stub-resolv.conf',
];

export type ReadText = (path: string) => Promise<string | undefined>;

export const readSystemText: ReadText = async (path) => {
  try {
    const info = await stat(path);
    return info.isFile() && info.size <= MAX_BYTES ? await readFile(path, 'utf8') : undefined;
  } catch {
    return undefined; // a file that can't be read has nothing to say
  }
};

/** Name servers besides ourselves; those of this machine only when there is no other. */
export async function baseServersFromFiles(read: ReadText = readSystemText): Promise<readonly string[]> {
  const texts = await Promise.all(RESOLVER_FILES.map(read));
  const all = [...new Set(texts.flatMap((text) => nameservers(text ?? '')))];
  const remote = all.filter((server) => !isLoopback(server));
  return (remote.length > 0 ? remote : all).slice(0, MAX_SERVERS);
}

/** Whether programs that look up names ask us: the file says so, or that of the local answerer that it names. */
export async function asksOurselves(read: ReadText): Promise<boolean> {
  const servers = listed((await read(RESOLV_CONF)) ?? '');
  if (servers.some(isOurs)) return true;
  if (!servers.some(isLoopback)) return false;
  return listed((await read(RESOLVED)) ?? '').some(isOurs);
}

/** Without ourselves. */
export const nameservers = (text: string): readonly string[] => listed(text).filter((ip) => !isOurs(ip));

const isOurs = (ip: string): boolean => ip === SERVICE_IP || ip === SERVICE_IP6;

/** resolv.conf(5). */
function listed(text: string): readonly string[] {
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const server = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    const [bare = '', zone] = (server ?? '').split('%', 2);
    const ip = canonicalIp(bare);
    if (ip !== undefined) found.push(zone === undefined ? ip : `${ip}%${zone}`);
  }
  return found;
}

/** hosts(5): every address of the name, in the order of the file. `name` is lower case. */
export function hostsAddresses(text: string, name: string): readonly string[] {
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (!names.some((known) => known.toLowerCase() === name)) continue;
    const ip = parseIp(address) === undefined ? undefined : canonicalIp(address);
    if (ip !== undefined) found.push(ip);
  }
  return found;
}
