/** What people see, built from a few words: devices, paths, places, accounts, warnings. Everything else has sensible values. */
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type {
  Account,
  Device,
  DevicePath,
  Link,
  Place,
  Relay,
  Settings,
  Snapshot,
  User,
  Warning,
} from '#shared/ui-state/types.ts';

/** When every scene takes place: Tuesday, 14 July 2026, 14:02 UTC. */
export const NOW = Date.UTC(2026, 6, 14, 14, 2);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const ago = (ms: number): number => NOW - ms;

export const ME = 'u1';
export const USERS: Readonly<Record<string, User>> = {
  u1: { id: 'u1', loginName: 'ada@example.com', displayName: 'Ada Lindqvist' },
  u2: { id: 'u2', loginName: 'bruno@example.com', displayName: 'Bruno Costa' },
  u3: { id: 'u3', loginName: 'chidi@example.com', displayName: 'Chidi Okafor' },
  u4: { id: 'u4', loginName: 'mei@partner.example', displayName: 'Mei Tanaka' },
};
export const SUFFIX = 'lab.rhumb.net';

const path = (change: Partial<DevicePath>): DevicePath => ({
  kind: 'none',
  via: '',
  latencyMs: undefined,
  sinceMs: undefined,
  why: undefined,
  ...change,
});

export const direct = (via = '203.0.113.7:41641', latencyMs = 4.2): DevicePath =>
  path({ kind: 'direct', via, latencyMs, sinceMs: ago(40 * MINUTE) });
export const relay = (via: string, latencyMs = 38): DevicePath =>
  path({
    kind: 'relay',
    via,
    latencyMs,
    sinceMs: ago(12 * MINUTE),
    why: 'both networks give each connection another port, and neither router opens one on request',
  });
export const peerRelay = (via: string, latencyMs = 19): DevicePath =>
  path({ kind: 'peer-relay', via, latencyMs, sinceMs: ago(5 * MINUTE) });
export const idle = (): DevicePath => path({ kind: 'idle' });
export const noPath = (): DevicePath => path({});

type DeviceWish = Partial<Device> & { readonly name: string };

/** Numbers the addresses by the name, so that the same device is the same in every scene. */
function numberOf(name: string): number {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 64_000;
  return sum;
}

/** Online, mine, Linux, idle, unless told. */
export function device({ name, ...change }: DeviceWish): Device {
  const number = numberOf(name);
  const [high, low] = [64 + Math.floor(number / 250 / 250), Math.floor(number / 250) % 250];
  const isOnline = change.isOnline ?? true;
  return {
    ...NO_DEVICE,
    id: `n-${name.slice(0, 60)}`,
    name,
    dnsName: `${name}.${SUFFIX}`,
    hostName: name,
    os: 'linux',
    userId: ME,
    isMine: (change.userId ?? ME) === ME && (change.tags ?? []).length === 0,
    addresses: [`100.${high}.${low}.${(number % 250) + 2}`, `fd7a:115c:a1e0::${number.toString(16)}`],
    isOnline,
    lastSeenMs: isOnline ? undefined : ago(3 * HOUR),
    keyExpiryMs: NOW + 120 * DAY,
    createdMs: ago(200 * DAY),
    lastHandshakeMs: isOnline ? ago(50 * SECOND) : undefined,
    path: isOnline ? idle() : noPath(),
    canReceiveFiles: false,
    candidates: [`203.0.113.${(number % 250) + 2}:41641`, `192.168.1.${(number % 250) + 2}:41641`],
    homeRelay: 'fra',
    nodeKey: `nodekey:${number.toString(16).padStart(64, '5e')}`,
    ...change,
  };
}

export const place = (country: string, countryCode: string, city: string, priority = 100): Place => ({
  country,
  countryCode,
  city,
  cityCode: city.slice(0, 3).toUpperCase(),
  priority,
});

/** A commercial server at a place, as some networks have hundreds. */
export const server = (at: Place, number: number, change: Partial<Device> = {}): Device =>
  device({
    name: `${at.countryCode.toLowerCase()}-${at.cityCode.toLowerCase()}-wg-${number.toString().padStart(3, '0')}`,
    location: at,
    isExitOption: true,
    isMine: false,
    userId: '',
    tags: ['tag:exit-servers'],
    ...change,
  });

export const byId = (devices: readonly Device[]): Readonly<Record<string, Device>> =>
  Object.fromEntries(devices.map((one) => [one.id, one]));

export const account = (change: Partial<Account> & { readonly id: string }): Account => ({
  name: 'ada@example.com',
  loginName: 'ada@example.com',
  network: 'lab.rhumb.net',
  server: 'https://control.example.com',
  isCurrent: false,
  ...change,
});

export const warning = (code: string, change: Partial<Warning> = {}): Warning => ({
  code,
  severity: 'medium',
  title: code,
  text: '',
  brokenSinceMs: ago(4 * MINUTE),
  impactsConnectivity: false,
  dependsOn: [],
  action: undefined,
  etag: code,
  ...change,
});

export const SETTINGS: Settings = {
  ...NO_SETTINGS,
  server: 'https://control.example.com',
  wantRunning: true,
  hostname: 'lighthouse',
  acceptRoutes: true,
};

const relayAt = (id: number, code: string, name: string, latencyMs: number): Relay => ({
  id,
  code,
  name,
  latencyMs,
});
const RELAYS: readonly Relay[] = [
  relayAt(900, 'fra', 'Frankfurt', 8.4),
  relayAt(901, 'ams', 'Amsterdam', 14.2),
  relayAt(903, 'nyc', 'New York', 92.3),
  relayAt(904, 'sin', 'Singapore', 178.2),
];

/** What an organisation settles on its machines. */
export const POLICY: Snapshot['policy'] = {
  organisation: 'Example Works',
  fixed: ['server', 'acceptRoutes', 'acceptDns', 'shieldsUp', 'exitNodeId', 'hostname'],
};

export const SELF: Device = device({
  name: 'lighthouse',
  createdMs: ago(90 * DAY),
  keyExpiryMs: NOW + 90 * DAY,
  path: noPath(),
});

export const DAEMON: Snapshot['daemon'] = {
  version: '0.1.0',
  hasTun: true,
  features: ['traffic-history', 'explain-path', 'logs', 'kill-switch'],
  platform: 'linux',
  hostName: 'lighthouse',
};

export const READY: Link = { kind: 'ready', rights: 'manage' };
export const READ_ONLY: Link = { kind: 'ready', rights: 'readonly' };

type Wish = Omit<Partial<Snapshot>, 'devices' | 'settings'> & {
  readonly devices?: readonly Device[];
  readonly settings?: Partial<Settings>;
};

/** Of nobody: asked to sign in. */
export const SIGNED_OUT = {
  state: 'NeedsLogin',
  self: undefined,
  network: undefined,
  users: {},
  accounts: [],
  settings: { wantRunning: false, loggedOut: true },
} as const satisfies Wish;

/** A daemon that answers and is connected, unless told. */
export function snapshot({ devices = [], settings = {}, ...change }: Wish = {}): Snapshot {
  return {
    ...NO_SNAPSHOT,
    link: READY,
    daemon: DAEMON,
    state: 'Running',
    self: SELF,
    users: USERS,
    network: { name: 'example.com', suffix: SUFFIX, hasMagicDns: true },
    accounts: [account({ id: 'a1', isCurrent: true })],
    relays: RELAYS,
    connectedSinceMs: ago(3 * HOUR),
    ...change,
    settings: { ...SETTINGS, ...settings },
    devices: byId(devices),
  };
}
