/** The parts of the configuration about keeping the server running: what it shows, what stands before it, what it keeps. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { maskPrefix, type Prefix, parseIp, parsePrefix } from '#shared/ip/address.ts';
import type { BackupSettings } from '../backup/schedule.ts';
import { parseDuration } from './duration.ts';
import { type ListenAddress, parseListen } from './listen-address.ts';

const text = z.string().min(1).max(4_096);

export const opsShape = {
  /** Where figures for Prometheus are served, with /health and /ready; none by default. */
  metricsListen: text.optional(),
  /** Addresses and networks of proxies whose X-Forwarded-For counts. */
  trustedProxies: z.array(text).max(256).optional(),
  /** Connections to the listener, all together. */
  maxConnections: z.int().min(16).max(1_000_000).optional(),
  /** A certificate from an authority, for the host of serverUrl. */
  acme: z
    .strictObject({
      email: text.max(320).optional(),
      directoryUrl: text.optional(),
      challenge: z.enum(['http-01', 'tls-alpn-01']).optional(),
      /** Where the authority looks for http-01, as port 80 of the host. */
      httpListen: text.optional(),
    })
    .optional(),
  audit: z
    .strictObject({
      /** How long entries are kept; 0 = for ever. */
      keep: text.optional(),
    })
    .optional(),
  webhooks: z
    .strictObject({
      /** Also to addresses inside this network, and over plain http. */
      allowInside: z.boolean().optional(),
    })
    .optional(),
  backup: z
    .strictObject({
      folder: text.optional(),
      /** 0 = none are made by themselves. */
      every: text.optional(),
      keep: z.int().min(1).max(10_000).optional(),
    })
    .optional(),
} as const;
const opsSettings = z.object(opsShape);
type Given = z.output<typeof opsSettings>;

export interface OpsConfig {
  readonly metricsListen: ListenAddress | undefined;
  readonly trustedProxies: readonly Prefix[];
  readonly maxConnections: number;
  /** Undefined = certificates come from files, or there are none. */
  readonly acme: AcmeConfig | undefined;
  /** 0 = for ever. */
  readonly auditKeepMs: number;
  readonly webhooksMayGoInside: boolean;
  /** Undefined = none by themselves. */
  readonly backup: BackupSettings | undefined;
}

export interface AcmeConfig {
  readonly email: string | undefined;
  readonly directoryUrl: string;
  readonly challenge: 'http-01' | 'tls-alpn-01';
  readonly httpListen: ListenAddress;
}

const DEFAULT_DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
/** A few thousand machines, their relay connections, and browsers. */
const DEFAULT_MAX_CONNECTIONS = 50_000;
const SHORTEST_BACKUP_MS = 60_000;

export function opsConfig(given: Given, stateDir: string): OpsConfig {
  const every = parseDuration(given.backup?.every ?? '24h');
  if (every !== 0 && every < SHORTEST_BACKUP_MS)
    throw new RhumbError('bad-argument', 'backup.every must be at least 1m, or 0 for none');
  return {
    metricsListen: given.metricsListen === undefined ? undefined : parseListen(given.metricsListen),
    trustedProxies: (given.trustedProxies ?? []).map(parseProxy),
    maxConnections: given.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    acme: given.acme === undefined ? undefined : acmeConfig(given.acme),
    webhooksMayGoInside: given.webhooks?.allowInside ?? false,
    auditKeepMs: parseDuration(given.audit?.keep ?? '90d'),
    backup:
      every === 0
        ? undefined
        : {
            folder: given.backup?.folder ?? join(stateDir, 'backups'),
            everyMs: every,
            keep: given.backup?.keep ?? 7,
          },
  };
}

/** An address is the network of just itself. */
function parseProxy(value: string): Prefix {
  const ip = parseIp(value);
  const prefix = ip === undefined ? parsePrefix(value) : { ip, bits: ip.length * 8 };
  if (prefix === undefined)
    throw new RhumbError(
      'bad-argument',
      `trustedProxies: "${value}" is neither an address nor a network: write 10.0.0.1 or 10.0.0.0/8`,
    );
  return maskPrefix(prefix);
}

function acmeConfig(given: NonNullable<Given['acme']>): AcmeConfig {
  const directory = URL.parse(given.directoryUrl ?? DEFAULT_DIRECTORY);
  if (directory === null || directory.protocol !== 'https:')
    throw new RhumbError('bad-argument', 'acme.directoryUrl must be an https URL');
  return {
    email: given.email,
    directoryUrl: directory.href,
    challenge: given.challenge ?? 'tls-alpn-01',
    httpListen: parseListen(given.httpListen ?? ':80'),
  };
}

/** What an authority needs to know, or why it can't be asked. */
export function acmeHost(serverUrl: string | undefined): string {
  const url = serverUrl === undefined ? undefined : new URL(serverUrl);
  if (url?.protocol !== 'https:' || isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0)
    throw new RhumbError(
      'bad-argument',
      'acme needs a serverUrl such as https://vpn.example.com: the certificate is for that name',
    );
  return url.hostname;
}
