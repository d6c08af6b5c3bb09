/** Networks of several sizes, the same ones in every run: a dozen machines with everything, hundreds, thousands, and a hostile one. */
import type { Device } from '#shared/ui-state/types.ts';
import {
  ago,
  DAY,
  device,
  direct,
  HOUR,
  idle,
  MINUTE,
  NOW,
  peerRelay,
  place,
  relay,
  server,
} from './builders.ts';

const MOBILE_CANDIDATES = ['198.51.100.23:49152', '10.112.4.8:41641'];

/** What a small office and a home look like. */
export const DOZEN: readonly Device[] = [
  device({ name: 'atlas', os: 'linux', path: direct('192.168.1.20:41641', 0.6), hasSsh: true }),
  device({
    name: 'harbour',
    os: 'linux',
    isExitOption: true,
    path: direct('203.0.113.80:41641', 9.4),
    hasSsh: true,
    homeRelay: 'fra',
  }),
  device({ name: 'adas-phone', os: 'android', path: relay('fra', 41), candidates: MOBILE_CANDIDATES }),
  device({ name: 'kestrel', os: 'macOS', userId: 'u2', path: peerRelay('198.51.100.4:7777', 17) }),
  device({ name: 'brunos-pc', os: 'windows', userId: 'u2', path: idle() }),
  device({ name: 'okafor-laptop', os: 'linux', userId: 'u3', isOnline: false, lastSeenMs: ago(3 * HOUR) }),
  device({
    name: 'tablet',
    os: 'iOS',
    userId: 'u3',
    isOnline: false,
    lastSeenMs: ago(12 * DAY),
    isExpired: true,
    keyExpiryMs: ago(DAY),
  }),
  device({
    name: 'office-router',
    tags: ['tag:router', 'tag:office'],
    routes: ['10.20.0.0/16', '192.168.40.0/24'],
    path: direct('198.51.100.9:41641', 12.8),
  }),
  device({
    name: 'warehouse-router',
    tags: ['tag:router'],
    routes: ['10.30.0.0/16'],
    isOnline: false,
    lastSeenMs: ago(26 * MINUTE),
  }),
  device({ name: 'build-1', tags: ['tag:ci'], path: direct('203.0.113.41:41641', 21) }),
  device({ name: 'build-2', tags: ['tag:ci'], path: idle(), keyExpiryMs: undefined }),
  device({
    name: 'mei-workstation',
    dnsName: 'mei-workstation.partner.rhumb.net',
    os: 'windows',
    userId: 'u4',
    isShared: true,
    path: relay('sin', 182),
  }),
];

export const LONELY: readonly Device[] = [device({ name: 'atlas', path: direct('192.168.1.20:41641', 0.6) })];

const PLACES = [
  place('Germany', 'DE', 'Frankfurt', 120),
  place('Germany', 'DE', 'Berlin'),
  place('Germany', 'DE', 'Düsseldorf'),
  place('Sweden', 'SE', 'Stockholm'),
  place('Sweden', 'SE', 'Malmö'),
  place('Netherlands', 'NL', 'Amsterdam'),
  place('Japan', 'JP', 'Tokyo'),
  place('Japan', 'JP', 'Osaka'),
  place('United States', 'US', 'Chicago'),
  place('United States', 'US', 'Seattle'),
  place('United States', 'US', 'New York'),
  place('Brazil', 'BR', 'São Paulo'),
  place('South Africa', 'ZA', 'Johannesburg'),
  place('Australia', 'AU', 'Sydney'),
];

/** Three servers in each city. */
export const SERVERS: readonly Device[] = PLACES.flatMap((at) =>
  [1, 2, 3].map((number) => server(at, number, { isOnline: number !== 3 })),
);

const SYSTEMS = ['linux', 'macOS', 'windows', 'android', 'iOS'];
const KINDS = ['laptop', 'phone', 'desktop', 'nas', 'build', 'db', 'web', 'camera', 'printer', 'kiosk'];

/** As many as wanted; every seventh is offline, every ninth relayed, every fifth tagged. */
export function crowd(count: number): readonly Device[] {
  return Array.from({ length: count }, (_, n) => {
    const kind = KINDS[n % KINDS.length] ?? 'machine';
    const isOnline = n % 7 !== 3;
    const way =
      n % 9 === 4
        ? relay(n % 2 === 0 ? 'fra' : 'nyc', 30 + (n % 80))
        : direct(`203.0.113.${n % 250}:41641`, 2 + (n % 60));
    return device({
      name: `${kind}-${n + 1}`,
      id: `n${n}`,
      os: SYSTEMS[n % SYSTEMS.length] ?? '',
      userId: `u${(n % 4) + 1}`,
      tags: n % 5 === 2 ? [`tag:${kind}`] : [],
      addresses: [
        `100.${64 + Math.floor(n / 62_500)}.${Math.floor(n / 250) % 250}.${(n % 250) + 2}`,
        `fd7a:115c:a1e0::${(n + 2).toString(16)}`,
      ],
      isOnline,
      lastSeenMs: isOnline ? undefined : ago((n % 90) * HOUR + MINUTE),
      keyExpiryMs: n % 50 === 49 ? NOW + 5 * HOUR : NOW + 100 * DAY,
      ...(isOnline && { path: n % 4 === 0 ? idle() : way }),
    });
  });
}

const RTL_OVERRIDE = '\u202e';
const LONG = 'wide-'.repeat(200);

/** What a hostile peer or server would send. */
export const HOSTILE: readonly Device[] = [
  device({
    name: '<img src=x onerror=alert(1)>',
    id: 'h-markup',
    dnsName: '"><script>document.title="owned"</script>',
    hostName: '<b>bold</b>',
    os: '<i>os</i>',
    tags: ['tag:<svg/onload=alert(1)>'],
    path: direct('javascript:alert(1)', 3),
  }),
  device({
    name: `cod${RTL_OVERRIDE}gpj.exe`,
    id: 'h-bidi',
    hostName: `x\u2066y\u2069${RTL_OVERRIDE}evil`,
    path: idle(),
  }),
  device({
    name: LONG,
    id: 'h-long',
    dnsName: `${LONG}.example`,
    hostName: LONG,
    os: LONG,
    tags: [`tag:${LONG}`],
    path: relay(LONG),
  }),
  device({ name: 'nul\u0000\u0007\u001b[31mred\nline', id: 'h-control', path: idle() }),
  device({ name: 'Z̸̡̢̛̺̱a̷̧̛̯̣l̵̡̛̰g̴̡̛̖o̵̡̧̬', id: 'h-marks', path: idle() }),
  // Without any name or address a device is called by its id (src-shared/desk/device.ts).
  device({
    name: '__proto__',
    id: '__proto__',
    dnsName: '',
    hostName: '',
    os: '',
    addresses: [],
    path: idle(),
  }),
  device({
    name: 'constructor',
    id: 'constructor',
    addresses: ['not an address', '999.1.1.1'],
    routes: ['0.0.0.0/99', 'x'.repeat(500)],
  }),
];
