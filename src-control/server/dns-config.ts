/** The `dns` part of the configuration: what machines are told about names, extra records, the responder, certificates. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type Prefix, parsePrefix, parseSockAddr } from '#shared/ip/address.ts';
import { KeySecret, type PublishSettings, type UpdateSettings } from '../dns/certificates/settings.ts';
import { canonicalName, isWithin, parseDomain } from '../dns/names.ts';
import { parseNameserver } from '../dns/nameserver.ts';
import { checkedRecords } from '../dns/records-file.ts';
import {
  checkChoice,
  type DnsOverride,
  type DnsSettings,
  givenDomains,
  givenServers,
  givenSplit,
  parseChoice,
} from '../dns/settings.ts';
import { parseDuration } from './duration.ts';
import { type ListenAddress, parseListen } from './listen-address.ts';

const text = z.string().min(1).max(4_096);
const names = z.array(text.max(320)).max(1_024);
const record = z.strictObject({ name: text.max(256), type: text.max(8).optional(), value: text });
const records = z.array(record).max(20_000);

const choice = {
  nameservers: givenServers.optional(),
  /** Nameservers take the place of a machine's own; default: on where there are any. */
  overrideLocalDns: z.boolean().optional(),
  splitDns: givenSplit.optional(),
  searchDomains: givenDomains.optional(),
};

const update = z.strictObject({
  /** `host:port` of the primary server; port 53 unless given. */
  server: text.max(260),
  zone: text.max(256),
  keyName: text.max(256),
  keyAlgorithm: z.enum(['hmac-sha256', 'hmac-sha512']).optional(),
  keySecret: text.optional(),
  keySecretFile: text.optional(),
});

const https = z.strictObject({
  enabled: z.boolean().optional(),
  /** Dynamic updates of a DNS server (RFC 2136). */
  update: update.optional(),
  /** A program with its arguments, which is called with `add` or `remove`, the name and the value behind them. */
  exec: z.array(text).min(1).max(64).optional(),
  /** The responder answers for the base domain, which is delegated to it. */
  responder: z.literal(true).optional(),
  /** Who must know the record before a machine goes on: the domain's own nameservers unless given; [] = nobody. */
  check: z.array(text.max(64)).max(16).optional(),
  timeout: text.optional(),
  /** How long the record stays. */
  keep: text.optional(),
});

export const dnsSettings = z.strictObject({
  magicDns: z.boolean().optional(),
  ...choice,
  extraRecords: records.optional(),
  extraRecordsPath: text.optional(),
  overrides: z
    .array(
      z.strictObject({
        users: names.optional(),
        groups: names.optional(),
        tags: names.optional(),
        ...choice,
        records: records.optional(),
      }),
    )
    .max(256)
    .optional(),
  /** Names that exit nodes don't look up for others; with a dot in front, all below. */
  exitNodeFilteredSet: names.optional(),
  responder: z
    .strictObject({
      listen: text,
      /** Under which machines reach it; needed where `listen` does not say it. */
      address: text.max(64).optional(),
      /** Host name in NS and SOA records. */
      name: text.max(256).optional(),
      /** Who may ask for records; certificate authorities may ask for challenges from anywhere. */
      clients: z.array(text.max(64)).max(256).optional(),
    })
    .optional(),
  https: https.optional(),
});
type Given = z.output<typeof dnsSettings>;

export interface ResponderConfig {
  readonly listen: ListenAddress;
  readonly name: string | undefined;
  readonly clients: readonly Prefix[];
}

export interface DnsConfig {
  readonly settings: DnsSettings;
  readonly responder: ResponderConfig | undefined;
  readonly publish: PublishSettings | undefined;
}

/** The network's own ranges and those that are nobody's on the internet. */
const DEFAULT_CLIENTS = [
  '100.64.0.0/10',
  'fd7a:115c:a1e0::/48',
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
];
const DEFAULT_TIMEOUT = '60s';
const DEFAULT_KEEP = '10m';

function fail(at: string, why: string, cause?: unknown): never {
  throw new RhumbError('bad-argument', `dns.${at}: ${why}`, { cause });
}

/** `magicDns` may also stand outside, where it was before there was more to say. */
export function dnsConfig(given: Given | undefined, outerMagicDns: boolean | undefined): DnsConfig {
  const dns = given ?? {};
  if (dns.magicDns !== undefined && outerMagicDns !== undefined && dns.magicDns !== outerMagicDns)
    fail('magicDns', 'says something else than magicDns outside: leave that out');
  const publish =
    dns.https === undefined ? undefined : publishSettings(dns.https, dns.responder !== undefined);
  const parsed = parseChoice(
    { ...dns, magicDns: dns.magicDns ?? outerMagicDns, https: dns.https?.enabled },
    'dns.',
  );
  checkChoice(parsed, 'dns.');
  const responder = dns.responder === undefined ? undefined : responderConfig(dns.responder);
  return {
    settings: {
      choice: parsed,
      records: checkedRecords(dns.extraRecords ?? [], 'dns.extraRecords'),
      recordsPath: dns.extraRecordsPath,
      overrides: (dns.overrides ?? []).map((one, index) => override(one, `overrides.${index}`)),
      exitNodeFiltered: (dns.exitNodeFilteredSet ?? []).map(filteredName),
      responderAddress: dns.responder === undefined ? undefined : responderAddress(dns.responder),
      canPublish: publish !== undefined,
    },
    responder,
    publish,
  };
}

function override(given: NonNullable<Given['overrides']>[number], at: string): DnsOverride {
  const { users = [], groups = [], tags = [] } = given;
  if (users.length + groups.length + tags.length === 0) fail(at, 'say for whom: users, groups or tags');
  const wrongTag = tags.find((tag) => !tag.startsWith('tag:'));
  if (wrongTag !== undefined) fail(`${at}.tags`, `"${wrongTag}" is not a tag: write tag:${wrongTag}`);
  const parsed = parseChoice({ ...given }, `dns.${at}.`);
  if (given.overrideLocalDns === true && given.nameservers !== undefined) checkChoice(parsed, `dns.${at}.`);
  return {
    users,
    groups,
    tags,
    choice: parsed,
    records: checkedRecords(given.records ?? [], `dns.${at}.records`),
  };
}

function filteredName(given: string, index: number): string {
  const isSuffix = given.startsWith('.');
  const name = parseDomain(isSuffix ? given.slice(1) : given, `dns.exitNodeFilteredSet.${index}`);
  return isSuffix ? `.${name}` : name;
}

type GivenResponder = NonNullable<Given['responder']>;

function responderConfig(given: GivenResponder): ResponderConfig {
  const listen = parseListen(given.listen);
  if (isIP(listen.host) === 0)
    fail('responder.listen', `"${given.listen}": write an address of this machine, such as 100.64.0.1:53`);
  const name = given.name === undefined ? undefined : canonicalName(given.name);
  if (given.name !== undefined && name === undefined)
    fail('responder.name', `"${given.name}" is not a host name`);
  const clients = (given.clients ?? DEFAULT_CLIENTS).map(
    (one, index) =>
      parsePrefix(one) ??
      fail(`responder.clients.${index}`, `"${one}" is not a prefix: write 192.0.2.0/24 or 2001:db8::/32`),
  );
  return { listen, name, clients };
}

/** As machines are told it. */
function responderAddress(given: GivenResponder): string {
  if (given.address !== undefined) {
    const { address } = parseNameserver(given.address, 'dns.responder.address');
    return address.startsWith('https://')
      ? fail('responder.address', 'the responder speaks plain DNS: write its IP or IP:port')
      : address;
  }
  const { host, port } = parseListen(given.listen);
  if (host === '::' || host === '0.0.0.0')
    fail('responder.address', 'say at which address machines reach the responder');
  return port === 53 ? host : formatSockAddr({ ip: host, port });
}

function publishSettings(given: z.output<typeof https>, hasResponder: boolean): PublishSettings {
  const ways = [given.update, given.exec, given.responder].filter((way) => way !== undefined);
  if (ways.length !== 1) fail('https', 'give one of update, exec and responder');
  if (given.responder === true && !hasResponder)
    fail('https.responder', 'there is no responder: set dns.responder');
  const timeoutMs = parseDuration(given.timeout ?? DEFAULT_TIMEOUT);
  const keepMs = parseDuration(given.keep ?? DEFAULT_KEEP);
  if (timeoutMs < 1_000 || timeoutMs > 300_000) fail('https.timeout', 'must be between 1s and 5m');
  if (keepMs < 60_000 || keepMs > 86_400_000) fail('https.keep', 'must be between 1m and 1d');
  return {
    way:
      given.update !== undefined
        ? { kind: 'update', ...updateSettings(given.update) }
        : given.exec !== undefined
          ? { kind: 'exec', command: given.exec }
          : { kind: 'responder' },
    check: given.check?.map((one, index) => serverAddress(one, `https.check.${index}`)),
    timeoutMs,
    keepMs,
  };
}

/** `ip:port`, also where the port was left out. */
function serverAddress(given: string, at: string): string {
  if (isIP(given) !== 0) return formatSockAddr({ ip: given, port: 53 });
  const address = parseSockAddr(given) ?? fail(at, `"${given}" is not an IP address with or without a port`);
  return formatSockAddr(address);
}

function updateSettings(given: z.output<typeof update>): UpdateSettings {
  const server =
    isIP(given.server) !== 0 || !/:\d+$/.test(given.server)
      ? { host: given.server, port: 53 }
      : parseListen(given.server);
  return {
    server,
    zone: parseDomain(given.zone, 'dns.https.update.zone'),
    key: {
      name: parseDomain(given.keyName, 'dns.https.update.keyName'),
      algorithm: given.keyAlgorithm ?? 'hmac-sha256',
      secret: updateSecret(given),
    },
  };
}

function updateSecret(given: z.output<typeof update>): KeySecret {
  if ((given.keySecret === undefined) === (given.keySecretFile === undefined))
    fail('https.update', 'give keySecret or keySecretFile');
  let text = given.keySecret ?? '';
  if (given.keySecretFile !== undefined)
    try {
      text = readFileSync(given.keySecretFile, 'utf8').trim();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      fail('https.update.keySecretFile', `can't read the secret: ${why}`, cause);
    }
  const secret = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || secret.length < 16)
    fail('https.update', 'the secret is not base64 of at least 16 bytes, as tsig-keygen prints it');
  return new KeySecret(secret);
}

/** With MagicDNS machines would look for the server inside the network that it is to bring up (coordination-server.md §8). */
export function refuseOverlap(baseDomain: string, serverUrl: string | undefined): void {
  if (serverUrl === undefined) return;
  const host = new URL(serverUrl).hostname.replace(/\.$/, '');
  if (isWithin(host, baseDomain))
    throw new RhumbError(
      'bad-argument',
      `the server's own name ${host} must not lie in the base domain ${baseDomain}: choose another --base-domain`,
    );
}
