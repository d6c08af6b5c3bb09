/** Public resolvers that also answer over HTTPS, by the addresses at which they do (localapi-and-daemon.md §7.5). */
import { formatIp, parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';

/** Host or URL path by family of servers; OpenDNS is missing because its HTTPS servers have other addresses. */
const QUERY = '/dns-query';
const BY_URL: Readonly<Record<string, readonly string[]>> = {
  [`https://dns.google${QUERY}`]: ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844'],
  ...cloudflare('cloudflare-dns.com', 1),
  ...cloudflare('security.cloudflare-dns.com', 2),
  ...cloudflare('family.cloudflare-dns.com', 3),
  [`https://dns.quad9.net${QUERY}`]: ['9.9.9.9', '149.112.112.112', '2620:fe::fe', '2620:fe::9'],
  [`https://dns11.quad9.net${QUERY}`]: ['9.9.9.11', '149.112.112.11', '2620:fe::11', '2620:fe::fe:11'],
  [`https://dns10.quad9.net${QUERY}`]: ['9.9.9.10', '149.112.112.10', '2620:fe::10', '2620:fe::fe:10'],
  ...mullvad('dns', 2),
  ...mullvad('adblock.dns', 3),
  ...mullvad('base.dns', 4),
  ...mullvad('extended.dns', 5),
  ...mullvad('family.dns', 6),
  ...mullvad('all.dns', 9),
  [`https://wikimedia-dns.org${QUERY}`]: ['185.71.138.138', '2001:67c:930::1'],
  ...controlD('p0', 0),
  ...controlD('p1', 1),
  ...controlD('p2', 2),
  ...controlD('p3', 3),
  ...controlD('family', 4),
  ...cira('private', 10),
  ...cira('protected', 20),
  ...cira('family', 30),
};

function cloudflare(host: string, last: number): Record<string, readonly string[]> {
  const ips = [`1.1.1.${last}`, `1.0.0.${last}`, `2606:4700:4700::111${last}`, `2606:4700:4700::100${last}`];
  return { [`https://${host}${QUERY}`]: ips };
}

function mullvad(host: string, last: number): Record<string, readonly string[]> {
  return { [`https://${host}.mullvad.net${QUERY}`]: [`194.242.2.${last}`, `2a07:e340::${last}`] };
}

function controlD(path: string, last: number): Record<string, readonly string[]> {
  const v6 = last === 0 ? ['2606:1a40::', '2606:1a40:1::'] : [`2606:1a40::${last}`, `2606:1a40:1::${last}`];
  return { [`https://freedns.controld.com/${path}`]: [`76.76.2.${last}`, `76.76.10.${last}`, ...v6] };
}

function cira(name: string, last: number): Record<string, readonly string[]> {
  const v4 = [`149.112.121.${last}`, `149.112.122.${last}`];
  return {
    [`https://${name}.canadianshield.cira.ca${QUERY}`]: [
      ...v4,
      `2620:10a:80bb::${last}`,
      `2620:10a:80bc::${last}`,
    ],
  };
}

const urlByIp: ReadonlyMap<string, string> = new Map(
  Object.entries(BY_URL).flatMap(([url, ips]) => ips.map((ip) => [ip, url] as const)),
);

/** NextDNS: the profile is in the lower twelve bytes of an address, and in the path of the URL. */
const NEXT_DNS = 'https://dns.nextdns.io/';
const NEXT_V6 = ['2a07:a8c0::', '2a07:a8c1::'];
const NEXT_V4 = ['45.90.28.0', '45.90.30.0'];
const nextV6 = NEXT_V6.map((ip) => parsePrefix(`${ip}/33`));
const nextV4 = NEXT_V4.map((ip) => parsePrefix(`${ip}/24`));
const CONTROL_D = 'https://dns.controld.com/';
const CONTROL_D_IPS = ['76.76.2.22', '76.76.10.22', '2606:1a40::22', '2606:1a40:1::22'];
const HTTPS_ONLY = ['185.71.138.138', '2001:67c:930::1', ...CONTROL_D_IPS];

export interface KnownServer {
  readonly url: string;
  /** It has no plain DNS of that profile. */
  readonly isHttpsOnly: boolean;
}

/** What answers over HTTPS at a canonical address. */
export function knownServerAt(ip: string): KnownServer | undefined {
  const url = urlByIp.get(ip);
  if (url !== undefined) return { url, isHttpsOnly: false };
  const bytes = parseIp(ip);
  if (bytes === undefined || !nextV6.some((range) => range !== undefined && prefixContains(range, bytes)))
    return undefined;
  const profile = Buffer.from(bytes.subarray(4))
    .toString('hex')
    .replace(/^(?:00)+/, '');
  return { url: `${NEXT_DNS}${profile}`, isHttpsOnly: true };
}

/** Addresses of a known server, however the profile stands in the URL; none = not known. */
export function addressesOfKnown(url: string): readonly string[] {
  const exact = BY_URL[url];
  if (exact !== undefined) return exact;
  if (url.startsWith(CONTROL_D)) return CONTROL_D_IPS;
  if (!url.startsWith(NEXT_DNS)) return [];
  const profile = /^[0-9a-f]{2,24}(?=$|[/?])/.exec(url.slice(NEXT_DNS.length))?.[0];
  if (profile === undefined || profile.length % 2 !== 0) return [];
  return [...NEXT_V4, ...NEXT_V6.map((ip) => withProfile(ip, profile))];
}

function withProfile(ip: string, profile: string): string {
  const bytes = new Uint8Array(parseIp(ip) ?? new Uint8Array(16));
  const id = Buffer.from(profile, 'hex');
  bytes.set(id, bytes.length - id.length);
  return formatIp(bytes);
}

/** No system may be told of such an address: it answers no plain questions (of that customer). */
export function isHttpsOnly(ip: string): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  return (
    HTTPS_ONLY.includes(formatIp(bytes)) ||
    [...nextV4, ...nextV6].some((range) => range !== undefined && prefixContains(range, bytes))
  );
}
