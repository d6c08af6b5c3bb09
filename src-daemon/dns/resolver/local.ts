/** What is answered without asking anybody: names of machines and of ourselves (localapi-and-daemon.md §7.4). */
import {
  formatIp,
  type IpBytes,
  parseIp,
  parsePrefix,
  prefixContains,
  SERVICE_IP,
  SERVICE_IP6,
} from '#shared/ip/address.ts';
import type { Hosts } from '../types.ts';
import { addressOfArpa } from './arpa.ts';
import { isWithin, upwards } from './names.ts';
import type { Question } from './question.ts';
import type { Records } from './reply.ts';
import { Class, Rcode, Type } from './wire.ts';

/** What programs see who look up the resolver's own address; official clients say the same. */
const OWN_NAME = 'magicdns.localhost-tailscale-daemon';
const OWN_ADDRESSES = [SERVICE_IP, SERVICE_IP6];
/** RFC 6763 §11: service discovery that nobody here can answer, and that phones ask all day. */
const BONJOUR = /^(?:b|db|r|dr|lb)\._dns-sd\._udp(?:\.|$)/;
/** The first label of a name for an address behind a site: dashes instead of dots, then which site. */
const VIA = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})-via-(0x[0-9a-f]{1,8}|\d{1,10})$/;
const VIA_BELOW = ['ts.net', 'tailscale.net'];
/** Older machines' IPv6 addresses are made of their IPv4 addresses (control-protocol.md §7.1). */
const OF_IPV4 = parsePrefix('fd7a:115c:a1e0:ab12:4843:cd96:6200::/104');

export interface LocalNames {
  readonly hosts: Hosts;
  /** The longest suffix that holds the name, and whether we alone speak for it; undefined = none. */
  zoneOf(name: string): { readonly suffix: string; readonly isOurs: boolean } | undefined;
}

const nothing = (rcode: number, zone?: string): Records => ({ kind: 'nothing', rcode, zone });

/** Undefined = others must be asked. */
export function answerLocally(
  { name, type, class: kind }: Pick<Question, 'name' | 'type' | 'class'>,
  names: LocalNames,
): Records | undefined {
  // RFC 7686 §2: such names must not leak to anybody.
  if (isWithin(name, 'onion')) return nothing(Rcode.NxDomain);
  const zone = names.zoneOf(name);
  const ours = zone?.isOurs === true ? zone.suffix : undefined;
  if (kind !== Class.IN && kind !== Class.ANY) return ours === undefined ? undefined : nothing(Rcode.Refused);
  const reverse = name.endsWith('.arpa') ? addressOfArpa(name) : undefined;
  if (reverse !== undefined) {
    const found = nameOf(reverse, names.hosts);
    if (found !== undefined) return type === Type.PTR ? { kind: 'name', name: found } : typeless(type, ours);
  }
  const addresses = addressesOf(name, type, names.hosts, ours);
  if (addresses !== undefined) return pick(addresses, type, ours);
  return ours === undefined ? undefined : nothing(Rcode.NxDomain, ours);
}

export const isBonjour = (name: string): boolean => BONJOUR.test(name);

function addressesOf(
  name: string,
  type: number,
  hosts: Hosts,
  ours: string | undefined,
): readonly string[] | undefined {
  if (name === OWN_NAME) return OWN_ADDRESSES;
  const via = viaAddress(name, ours);
  if (via !== undefined && (type === Type.A || type === Type.AAAA || type === Type.ANY)) return [via];
  const found = hosts.addresses(name);
  if (found !== undefined) return found;
  for (const parent of upwards(name))
    if (parent !== name && hosts.answersBelow(parent)) return hosts.addresses(parent);
  return undefined;
}

function pick(addresses: readonly string[], type: number, zone: string | undefined): Records {
  const wanted = type === Type.A ? 4 : type === Type.AAAA ? 16 : 0;
  if (wanted === 0 && type !== Type.ANY) return typeless(type, zone);
  for (const address of addresses) {
    const ip = parseIp(address);
    if (ip !== undefined && (wanted === 0 || ip.length === wanted)) return { kind: 'address', ip };
  }
  return nothing(Rcode.NoError, zone);
}

/** A name that exists, asked for something that it can't have; zones of ours have no servers and no transfers. */
function typeless(type: number, zone: string | undefined): Records {
  const isOfZones = type === Type.NS || type === Type.SOA || type === Type.AXFR || type === Type.HINFO;
  return isOfZones ? nothing(Rcode.NotImp) : nothing(Rcode.NoError, zone);
}

function nameOf(ip: IpBytes, hosts: Hosts): string | undefined {
  const text = formatIp(ip);
  if (OWN_ADDRESSES.includes(text)) return OWN_NAME;
  if (OF_IPV4 !== undefined && ip.length === 16 && prefixContains(OF_IPV4, ip)) {
    const v4 = hosts.name(`100.${ip[13]}.${ip[14]}.${ip[15]}`);
    if (v4 !== undefined) return v4;
  }
  return hosts.name(text);
}

/** `10-1-1-5-via-7` stands for fd7a:115c:a1e0:b1a:0:7:a01:105 (control-protocol.md §7.2). */
function viaAddress(name: string, ours: string | undefined): string | undefined {
  if (!name.includes('-via-')) return undefined;
  const dot = name.indexOf('.');
  const below = dot < 0 ? '' : name.slice(dot + 1);
  const suffixes = ours === undefined ? VIA_BELOW : [...VIA_BELOW, ours];
  if (below !== '' && !suffixes.some((suffix) => isWithin(below, suffix))) return undefined;
  const match = VIA.exec(dot < 0 ? name : name.slice(0, dot));
  if (match === null) return undefined;
  const v4 = parseIp(match.slice(1, 5).join('.'));
  const site = Number(match[5]);
  if (v4 === undefined || site > 0xffff_ffff) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = v4;
  const groups = [site >>> 16, site & 0xffff, (a << 8) | b, (c << 8) | d];
  return `fd7a:115c:a1e0:b1a:${groups.map((group) => group.toString(16)).join(':')}`;
}
