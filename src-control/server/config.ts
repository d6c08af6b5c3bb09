/** What the server is told: a file, the environment and flags over it, defaults below; checked as a whole before anything starts. */
import { isIP } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import type { Level } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { ProviderSettings } from '../oidc/settings.ts';
import type { AddressPlan } from '../state/addresses.ts';
import { parseBaseDomain } from '../state/names.ts';
import type { Environment } from './config-env.ts';
import { readSettings, type SettingsInput } from './config-schema.ts';
import { type DnsConfig, dnsConfig, refuseOverlap } from './dns-config.ts';
import { parseDuration } from './duration.ts';
import { type ListenAddress, parseListen } from './listen-address.ts';
import { addressPlan, inactiveMs, type RoutingConfig, routingConfig } from './nodes-config.ts';
import { oidcConfig } from './oidc-config.ts';
import { acmeHost, type OpsConfig, opsConfig } from './ops-config.ts';
import { type PolicyConfig, policyConfig } from './policy-config.ts';
import { type RelayConfig, relayConfig } from './relay-config.ts';

export const DEFAULT_STATE_DIR = '/var/lib/rhumb-control';

/** What flags can say; the rest is for the file. */
export type FlagSettings = Pick<
  SettingsInput,
  'listen' | 'stateDir' | 'serverUrl' | 'baseDomain' | 'tlsCert' | 'tlsKey' | 'logLevel'
>;

export interface Config extends OpsConfig {
  readonly listen: ListenAddress;
  readonly stateDir: string;
  /** Undefined = derived from the address once that is known. */
  readonly serverUrl: string | undefined;
  readonly baseDomain: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly logLevel: Level;
  readonly keyLifetimeMs: number;
  readonly ephemeralTimeoutMs: number;
  readonly dns: DnsConfig;
  readonly derpMap: DerpMap | undefined;
  readonly derpMapFiles: readonly string[];
  readonly derpMapUrls: readonly string[];
  readonly derpMapRefreshMs: number;
  readonly policy: PolicyConfig;
  /** Undefined = this server relays nothing. */
  readonly relay: RelayConfig | undefined;
  /** None = machines are let in by auth keys and administrators only. */
  readonly oidc: readonly ProviderSettings[];
  readonly minClientVersion: number;
  readonly offerObservedAddress: boolean;
  readonly addresses: AddressPlan;
  readonly deviceApproval: boolean;
  readonly routing: RoutingConfig;
  /** 0 = never. */
  readonly deleteInactiveMs: number;
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

/** Reads the file, if one is named, and puts the environment and `flags` over it. */
export function loadConfig(file: string | undefined, flags: FlagSettings, env: Environment = {}): Config {
  const given = { ...readSettings(file, env), ...withoutUndefined(flags) };
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
    dns: dnsConfig(given.dns, given.magicDns),
    derpMap: given.derpMap,
    derpMapFiles: given.derpMapFiles ?? [],
    derpMapUrls: (given.derpMapUrls ?? []).map(parseMapUrl),
    derpMapRefreshMs: parseRefresh(given.derpMapRefresh ?? DEFAULTS.derpMapRefresh),
    relay: relayConfig(
      given.relay,
      [given.derpMap, given.derpMapFiles, given.derpMapUrls].some((one) => one !== undefined),
    ),
    oidc: oidcConfig(given.oidc),
    policy: policyConfig(given.policy),
    minClientVersion: given.minClientVersion ?? DEFAULTS.minClientVersion,
    offerObservedAddress: given.offerObservedAddress ?? true,
    addresses: addressPlan(given.addresses),
    deviceApproval: given.deviceApproval ?? false,
    routing: routingConfig(given.routing),
    deleteInactiveMs: inactiveMs(given.deleteInactive),
    ...opsConfig(given, given.stateDir ?? DEFAULT_STATE_DIR),
  };
  refuseOverlap(config.baseDomain, config.serverUrl);
  if (config.acme !== undefined) {
    if (config.tls !== undefined)
      throw new RhumbError('bad-argument', 'give tlsCert and tlsKey, or acme: a certificate has one source');
    acmeHost(config.serverUrl);
  }
  return config;
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

function parseTls(certFile: string | undefined, keyFile: string | undefined): Config['tls'] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new RhumbError(
      'bad-argument',
      'TLS needs both a certificate and a key: give --tls-cert and --tls-key',
    );
  return { certFile, keyFile };
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
