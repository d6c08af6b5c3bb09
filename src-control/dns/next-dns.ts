/** NextDNS: which machine asks is told in the resolver's address, and policy attributes choose the profile (coordination-server.md §8). */
import type { WireResolver } from './nameserver.ts';

const BASE = 'https://dns.nextdns.io';
const ATTRIBUTE = 'nextdns:';
const NO_DEVICE_INFO = 'nextdns:no-device-info';
/** Nothing that could lead out of the profile's place in the address. */
const PROFILE = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

export interface Device {
  readonly name: string;
  readonly model: string;
  readonly ip: string;
}

export const isNextDns = ({ Addr }: WireResolver): boolean =>
  Addr === BASE || Addr.startsWith(`${BASE}/`) || Addr.startsWith(`${BASE}?`);

/** The attributes of a machine that matter here; of several profiles the first by name counts. */
export function nextDnsChoice(attributes: Iterable<string>): {
  readonly profile: string | undefined;
  readonly tellsDevice: boolean;
} {
  const mine = [...attributes].filter((one) => one.startsWith(ATTRIBUTE)).sort();
  const profiles = mine
    .filter((one) => one !== NO_DEVICE_INFO)
    .map((one) => one.slice(ATTRIBUTE.length))
    .filter((one) => PROFILE.test(one));
  return { profile: profiles[0], tellsDevice: !mine.includes(NO_DEVICE_INFO) };
}

export function forDevice(
  resolver: WireResolver,
  device: Device,
  attributes: Iterable<string>,
): WireResolver {
  if (!isNextDns(resolver)) return resolver;
  const { profile, tellsDevice } = nextDnsChoice(attributes);
  const base = profile === undefined ? resolver.Addr : `${BASE}/${profile}`;
  if (!tellsDevice) return { ...resolver, Addr: base };
  const url = new URL(base);
  url.searchParams.set('device_name', device.name);
  if (device.model !== '') url.searchParams.set('device_model', device.model);
  url.searchParams.set('device_ip', device.ip);
  url.searchParams.sort();
  return { ...resolver, Addr: url.href };
}
