/** What the server is told: a JSON file, flags over it, defaults below; checked as a whole before anything starts. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Level } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { ProviderSettings } from '../oidc/settings.ts';
import { offeredMap } from '../relay/offered-map.ts';
import { parseBaseDomain } from '../state/names.ts';
import { parseDuration } from './duration.ts';
import { nearest } from './nearest.ts';
import { oidcConfig, oidcKeys, oidcSettings } from './oidc-config.ts';

export const DEFAULT_STATE_DIR = '/var/lib/rhumb-control';

const text = z.string().min(1).max(4_096);
const port = z.int().min(0).max(65_535);
const relaySettings = z.strictObject({
  /** Default: on, unless other relays are configured. */
  enabled: z.boolean().optional(),
  regionId: z.int().min(1).max(9_999).optional(),
  regionCode: text.max(64).optional(),
  regionName: text.max(256).optional(),
  /** A TLS listener of its own, with a certificate that the relay map names by its hash. */
  listen: text.optional(),
  /** Under which machines reach it, when that differs. */
  host: text.max(253).optional(),
  port: port.min(1).optional(),
  ipv4: text.max(45).optional(),
  ipv6: text.max(45).optional(),
  /** UDP; the first belongs to the region, each further one to a region for address checks; none = no STUN. */
  stunPorts: z.array(port).max(8).optional(),
  stunGeneric: z.boolean().optional(),
  /** Only machines of this network may use it. */
  verifyClients: z.boolean().optional(),
});

const settings = z.strictObject({
  /** `host:port` or `:port`; port 0 picks one. */
  listen: text.optional(),
  stateDir: text.optional(),
  /** Under which machines and browsers reach this server. */
  serverUrl: text.optional(),
  baseDomain: text.optional(),
  tlsCert: text.optional(),
  tlsKey: text.optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  /** Lifetime of a machine's key. */
  keyExpiry: text.optional(),
  /** Absence after which an ephemeral machine is deleted. */
  ephemeralTimeout: text.optional(),
  magicDns: z.boolean().optional(),
  /** Relays offered to machines, in the wire's form; `null` takes a region of another source away. */
  derpMap: offeredMap.optional(),
  /** More relay maps, as JSON files and from the web. */
  derpMapFiles: z.array(text).max(64).optional(),
  derpMapUrls: z.array(text).max(64).optional(),
  /** How often the URLs are asked. */
  derpMapRefresh: text.optional(),
  /** The relay inside this server. */
  relay: relaySettings.optional(),
  /** Identity providers at which people sign in. */
  oidc: oidcSettings,
  minClientVersion: z.int().min(0).max(65_535).optional(),
  offerObservedAddress: z.boolean().optional(),
});
/** What flags can say; the rest is for the file. */
export type FlagSettings = Omit<
  z.input<typeof settings>,
  'derpMap' | 'derpMapFiles' | 'derpMapUrls' | 'derpMapRefresh' | 'relay' | 'oidc'
>;

export const SETTING_NAMES: readonly string[] = Object.keys(settings.shape);

export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly stateDir: string;
  /** Undefined = derived from the address once that is known. */
  readonly serverUrl: string | undefined;
  readonly baseDomain: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly logLevel: Level;
  readonly keyLifetimeMs: number;
  readonly ephemeralTimeoutMs: number;
  readonly magicDns: boolean;
  readonly derpMap: DerpMap | undefined;
  readonly derpMapFiles: readonly string[];
  readonly derpMapUrls: readonly string[];
  readonly derpMapRefreshMs: number;
  /** Undefined = this server relays nothing. */
  readonly relay: RelayConfig | undefined;
  /** None = machines are let in by auth keys and administrators only. */
  readonly oidc: readonly ProviderSettings[];
  readonly minClientVersion: number;
  readonly offerObservedAddress: boolean;
}

/** What is undefined is chosen to fit the server (see src-control/relay/plan.ts). */
export interface RelayConfig {
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  readonly listen: Config['listen'] | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly stunPorts: readonly number[] | undefined;
  readonly answersGenericStun: boolean;
  readonly verifiesClients: boolean;
}

const DEFAULTS = {
  listen: '127.0.0.1:8080',
  baseDomain: 'rhumb.internal',
  keyExpiry: '180d',
  ephemeralTimeout: '30m',
  derpMapRefresh: '3h',
  /** Official clients from 1.64 on (coordination-server.md §10.6). */
  minClientVersion: 90,
} as const;

/** A machine that changes networks must not be deleted meanwhile (control-protocol.md §8). */
const SHORTEST_EPHEMERAL_MS = 65_000;

const SHORTEST_REFRESH_MS = 60_000;

/** Reads the file, if one is named, and puts `flags` over it. */
export function loadConfig(file: string | undefined, flags: FlagSettings): Config {
  const fromFile = file === undefined ? checkSettings({}, '') : readSettings(file);
  const given = { ...fromFile, ...withoutUndefined(flags) };
  const keyExpiry = parseDuration(given.keyExpiry ?? DEFAULTS.keyExpiry);
  const ephemeralTimeoutMs = parseDuration(given.ephemeralTimeout ?? DEFAULTS.ephemeralTimeout);
  if (ephemeralTimeoutMs < SHORTEST_EPHEMERAL_MS)
    throw new RhumbError(
      'bad-argument',
      'ephemeralTimeout must be more than 65s, or a machine that changes networks is lost',
    );
  const config: Config = {
    listen: parseListen(given.listen ?? DEFAULTS.listen),
    stateDir: given.stateDir ?? DEFAULT_STATE_DIR,
    serverUrl: given.serverUrl === undefined ? undefined : parseServerUrl(given.serverUrl),
    baseDomain: parseBaseDomain(given.baseDomain ?? DEFAULTS.baseDomain),
    tls: parseTls(given.tlsCert, given.tlsKey),
    logLevel: given.logLevel ?? 'info',
    keyLifetimeMs: keyExpiry,
    ephemeralTimeoutMs,
    magicDns: given.magicDns ?? false,
    derpMap: given.derpMap,
    derpMapFiles: given.derpMapFiles ?? [],
    derpMapUrls: (given.derpMapUrls ?? []).map(parseMapUrl),
    derpMapRefreshMs: parseRefresh(given.derpMapRefresh ?? DEFAULTS.derpMapRefresh),
    relay: relayConfig(given),
    oidc: oidcConfig(given.oidc),
    minClientVersion: given.minClientVersion ?? DEFAULTS.minClientVersion,
    offerObservedAddress: given.offerObservedAddress ?? true,
  };
  refuseOverlap(config);
  return config;
}

function readSettings(file: string): z.output<typeof settings> {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the configuration: ${why}`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `${file} is not JSON: ${why}`, { cause });
  }
  return checkSettings(json, file);
}

/** Every problem, each with the place and what would be right. */
export function checkSettings(json: unknown, where: string): z.output<typeof settings> {
  const result = settings.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(key, issue.path))
      : [`${issue.path.join('.') || 'the file'}: ${issue.message}`],
  );
  throw new RhumbError('bad-argument', `${where}: ${problems.join('; ')}`);
}

function unknownKey(key: string, path: readonly PropertyKey[]): string {
  const names = keysAt(path);
  const meant = nearest(key, names);
  const place = `"${[...path, key].join('.')}"`;
  return meant === undefined
    ? `unknown key ${place}: the keys are ${names.join(', ')}`
    : `unknown key ${place}: did you mean "${meant}"?`;
}

function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path[0] === 'oidc') return oidcKeys(path);
  return path[0] === 'relay' ? Object.keys(relaySettings.shape) : SETTING_NAMES;
}

export function parseListen(value: string): Config['listen'] {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2] ?? '';
  const isHost = host === '' || isIP(host) !== 0 || /^[A-Za-z0-9.-]{1,253}$/.test(host);
  if (match === null || port > 65_535 || !isHost)
    throw new RhumbError(
      'bad-argument',
      `"${value}" is not an address to listen on: write 127.0.0.1:8080, [::1]:8080 or :8080`,
    );
  return { host: host === '' ? '::' : host, port };
}

function parseServerUrl(value: string): string {
  const url = URL.parse(value);
  const isPlain =
    url !== null && url.search === '' && url.hash === '' && url.username === '' && url.pathname === '/';
  if (!isPlain || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new RhumbError(
      'bad-argument',
      `"${value}" is not a server URL: write https://vpn.example.com or http://192.0.2.1:8080`,
    );
  return url.origin;
}

function parseMapUrl(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new RhumbError('bad-argument', `derpMapUrls: "${value}" is not an http or https URL`);
  return url.href;
}

function parseRefresh(value: string): number {
  const ms = parseDuration(value);
  if (ms < SHORTEST_REFRESH_MS) throw new RhumbError('bad-argument', 'derpMapRefresh must be at least 1m');
  return ms;
}

function relayConfig(given: z.output<typeof settings>): RelayConfig | undefined {
  const { relay = {} } = given;
  const hasOthers =
    given.derpMap !== undefined || given.derpMapFiles !== undefined || given.derpMapUrls !== undefined;
  if (!(relay.enabled ?? (given.relay !== undefined || !hasOthers))) return undefined;
  return {
    regionId: relay.regionId ?? 999,
    regionCode: relay.regionCode ?? 'rhumb',
    regionName: relay.regionName ?? 'Embedded relay',
    listen: relay.listen === undefined ? undefined : parseListen(relay.listen),
    host: relay.host === undefined ? undefined : parseRelayHost(relay.host),
    port: relay.port,
    ipv4: parseFamily(relay.ipv4, 4),
    ipv6: parseFamily(relay.ipv6, 6),
    stunPorts: relay.stunPorts,
    answersGenericStun: relay.stunGeneric ?? true,
    verifiesClients: relay.verifyClients ?? true,
  };
}

function parseRelayHost(value: string): string {
  if (isIP(value) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value))
    throw new RhumbError('bad-argument', `relay.host: "${value}" is not a host name or an address`);
  return value;
}

/** An address, or `none` to keep clients from that family. */
function parseFamily(value: string | undefined, family: 4 | 6): string | undefined {
  if (value !== undefined && value !== 'none' && isIP(value) !== family)
    throw new RhumbError(
      'bad-argument',
      `relay.ipv${family}: "${value}" is neither an IPv${family} address nor none`,
    );
  return value;
}

function parseTls(certFile: string | undefined, keyFile: string | undefined): Config['tls'] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new RhumbError(
      'bad-argument',
      'TLS needs both a certificate and a key: give --tls-cert and --tls-key',
    );
  return { certFile, keyFile };
}

/** With MagicDNS machines would look for the server inside the network that it is to bring up. */
function refuseOverlap(config: Config): void {
  if (config.serverUrl === undefined) return;
  const host = new URL(config.serverUrl).hostname;
  if (host === config.baseDomain || host.endsWith(`.${config.baseDomain}`))
    throw new RhumbError(
      'bad-argument',
      `the server's own name ${host} must not lie in the base domain ${config.baseDomain}: choose another --base-domain`,
    );
}

/** Address in a URL; a wildcard is reached at loopback, which only works on this machine. */
export function derivedServerUrl(config: Config, port: number): string {
  const { host } = config.listen;
  const isWildcard = host === '::' || host === '0.0.0.0';
  const name = isWildcard ? '127.0.0.1' : isIP(host) === 6 ? `[${host}]` : host;
  return `${config.tls === undefined ? 'http' : 'https'}://${name}:${port}`;
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
