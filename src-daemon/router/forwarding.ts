/** Whether this machine hands on packets of peers to its networks, and how well; never switches forwarding on by itself (localapi-and-daemon.md §6.4). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { canonicalIp, formatIp, parsePrefix } from '#shared/ip/address.ts';
import { interfaceFeatures, setInterfaceFeatures } from '../ffi/ethtool.ts';

const CONF = '/proc/sys/net/ipv4/conf';

/** What this machine's kernel says now. */
export function systemForwarding(): ForwardingFacts {
  const sysctl = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'latin1').trim();
    } catch {
      return undefined;
    }
  };
  const addresses = networkInterfaces();
  const names = existsSync(CONF) ? readdirSync(CONF) : [];
  const interfaces = names.filter((name) => name !== 'all' && name !== 'default' && name !== 'lo');
  return {
    sysctl,
    interfaces: new Map(
      interfaces.map((name) => [
        name,
        (addresses[name] ?? []).map(({ address }) => canonicalIp(address) ?? ''),
      ]),
    ),
  };
}

export interface ForwardingFacts {
  /** Of /proc/sys; undefined when there is no such file. */
  readonly sysctl: (path: string) => string | undefined;
  /** All interfaces but loopback, with their addresses in canonical form. */
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
}

const REMEDY =
  "To switch it on, also after a restart: printf 'net.ipv4.ip_forward=1\\nnet.ipv6.conf.all.forwarding=1\\n' > /etc/sysctl.d/99-rhumb.conf; sysctl -p /etc/sysctl.d/99-rhumb.conf";

/**
 * '' when all is well, else what does not work and the remedy. Routes to this machine's own addresses need no
 * forwarding, and each family only what its routes need. Opening words are those that scripts know.
 */
export function checkForwarding(routes: readonly string[], facts: ForwardingFacts): string {
  const wants = familiesOf(routes, facts);
  if (wants.size === 0) return '';
  const isOn = {
    4: facts.sysctl('/proc/sys/net/ipv4/ip_forward') === '1',
    6: facts.sysctl('/proc/sys/net/ipv6/conf/all/forwarding') === '1',
  };
  if (isOn[4] && isOn[6]) return '';
  if (!wants.has(4))
    return isOn[6] ? '' : `IPv6 forwarding is disabled, subnet routing/exit nodes may not work.\n${REMEDY}`;
  // One family by itself can be on for some interfaces only; for IPv6 the kernel heeds the one switch alone.
  const off = [...facts.interfaces.keys()].filter(
    (name) => facts.sysctl(`/proc/sys/net/ipv4/conf/${name}/forwarding`) !== '1',
  );
  if (!isOn[4] && off.length === facts.interfaces.size)
    return `IP forwarding is disabled, subnet routing/exit nodes will not work.\n${REMEDY}`;
  const lines = [
    ...(wants.has(6) && !isOn[6] ? ['IPv6 forwarding is disabled.'] : []),
    ...(isOn[4] ? [] : off).map(
      (name) => `Traffic received on ${name} won't be forwarded (net.ipv4.conf.${name}.forwarding disabled)`,
    ),
  ];
  if (lines.length === 0) return '';
  return `${lines.join('\n')}\nSubnet routes and exit nodes may not work correctly.\n${REMEDY}`;
}

function familiesOf(routes: readonly string[], { interfaces }: ForwardingFacts): ReadonlySet<4 | 6> {
  const own = new Set([...interfaces.values()].flat());
  const families = new Set<4 | 6>();
  for (const text of routes) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) continue;
    const isHost = prefix.bits === prefix.ip.length * 8;
    if (!isHost || !own.has(formatIp(prefix.ip))) families.add(prefix.ip.length === 4 ? 4 : 6);
  }
  return families;
}

const WANTED = 'rx-udp-gro-forwarding';
const UNWANTED = 'rx-gro-list';
/** Without it on the tunnel joined datagrams would only be cut apart again. */
const NEEDED = 'tx-udp-segmentation';

export interface Offloads {
  readonly features: (name: string) => ReadonlyMap<string, boolean> | undefined;
  readonly set: (name: string, wanted: ReadonlyMap<string, boolean>) => void;
}

export const systemOffloads: Offloads = { features: interfaceFeatures, set: setInterfaceFeatures };

/** '' when all is well or nothing could be gained. */
export function checkUdpGro(tunName: string, defaultInterface: string, { features }: Offloads): string {
  if (features(tunName)?.get(NEEDED) !== true) return '';
  const now = features(defaultInterface);
  const has = now?.get(WANTED);
  if (has === undefined || (has && now?.get(UNWANTED) !== true)) return '';
  return `UDP GRO forwarding is suboptimally configured on ${defaultInterface}, UDP forwarding throughput capability will increase with a configuration change: ethtool -K ${defaultInterface} ${WANTED} on ${UNWANTED} off`;
}

/** '' when it is done, else why not. */
export function setUdpGro(tunName: string, defaultInterface: string, offloads: Offloads): string {
  if (offloads.features(tunName)?.get(NEEDED) !== true)
    return `UDP GRO forwarding is left as it is: UDP segmentation is off on ${tunName}, so nothing would be gained`;
  const now = offloads.features(defaultInterface);
  const wanted = new Map([[WANTED, true]]);
  if (now?.has(UNWANTED)) wanted.set(UNWANTED, false);
  offloads.set(defaultInterface, wanted);
  return '';
}
