/** Calls about names: nameservers, search domains, split DNS, MagicDNS, certificates, and the network's own records. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { addRecord, type ChangeDeps, changeChoice, removeRecord } from '../dns/change.ts';
import type { Nameserver } from '../dns/nameserver.ts';
import { type ExtraRecord, parseRecord, recordKey } from '../dns/record.ts';
import {
  type DnsChoice,
  type GivenChoice,
  givenDomains,
  givenServers,
  givenSplit,
  overlay,
  parseChoice,
} from '../dns/settings.ts';
import type { DnsRecord } from '../store/records.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { timeJson } from './time-json.ts';

export interface NameserverJson {
  readonly address: string;
  readonly use_with_exit_node: boolean;
}

export interface DnsJson {
  readonly base_domain: string;
  readonly magic_dns: boolean;
  readonly override_local_dns: boolean;
  readonly nameservers: readonly NameserverJson[];
  readonly split_dns: Readonly<Record<string, readonly NameserverJson[]>>;
  readonly search_domains: readonly string[];
  /** Machines may ask for certificates. */
  readonly https: boolean;
  /** There is a way to publish what a certificate authority asks for. */
  readonly https_possible: boolean;
  /** Where machines find the built-in responder; null without one. */
  readonly responder: string | null;
  /** Names of those of the above that administrators changed since the configuration file was written. */
  readonly changed: readonly string[];
  /** The watched file; null without one. */
  readonly records_file: {
    readonly path: string;
    readonly records: number;
    /** Why it is not in force as it stands. */
    readonly problem: string | null;
  } | null;
  /** What will not work as it may have been meant. */
  readonly warnings: readonly string[];
}

export interface DnsRecordJson {
  /** Null for those of the configuration and the file. */
  readonly id: number | null;
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly comment: string;
  readonly source: 'config' | 'file' | 'api';
  readonly created_at: string | null;
}

/** Null = as the configuration file has it. */
const setArg = z.strictObject({
  magicDns: z.boolean().nullable().optional(),
  overrideLocalDns: z.boolean().nullable().optional(),
  nameservers: givenServers.nullable().optional(),
  /** All of it. */
  splitDns: givenSplit.nullable().optional(),
  /** Some domains of it; null takes one away. */
  splitDnsPatch: z.record(z.string().max(256), givenServers.nullable()).optional(),
  searchDomains: givenDomains.nullable().optional(),
  https: z.boolean().nullable().optional(),
});

const recordArg = z.strictObject({
  name: z.string().min(1).max(256),
  type: z.string().max(8).optional(),
  value: z.string().min(1).max(4_096),
  comment: z.string().max(256).optional(),
});

export const dnsCalls = {
  'dns.get': defineCall({ arg: nothing, scope: 'dns:read', run: async (deps) => dnsJson(deps) }),
  'dns.set': defineCall({
    arg: setArg,
    scope: 'dns',
    run: async (deps, arg, by) => {
      await changeChoice(changeDeps(deps, by), nextChoice(deps, arg));
      return dnsJson(deps);
    },
  }),
  'dns.records.list': defineCall({
    arg: nothing,
    scope: 'dns:read',
    run: async ({ network, dns }): Promise<readonly DnsRecordJson[]> => [
      ...dns.settings.records.map((record) => fixedJson(record, 'config')),
      ...dns.fileRecords.map((record) => fixedJson(record, 'file')),
      ...[...network.dnsRecords.values()].map(recordJson),
    ],
  }),
  'dns.records.add': defineCall({
    arg: recordArg,
    scope: 'dns',
    run: async (deps, { comment, ...given }, by) =>
      recordJson(await addRecord(changeDeps(deps, by), parseRecord(given, 'record'), comment ?? '')),
  }),
  'dns.records.remove': defineCall({
    arg: z.union([z.strictObject({ id: z.int().min(1) }), recordArg.omit({ comment: true })]),
    scope: 'dns',
    run: async (deps, arg, by) => {
      const record = findRecord(deps, arg);
      await removeRecord(changeDeps(deps, by), record);
      return recordJson(record);
    },
  }),
};

const changeDeps = ({ network, dns, clock }: AdminDeps, by: Caller): ChangeDeps => ({
  network,
  dns,
  now: clock.now(),
  by,
});

/** What is not mentioned stays as it is; of split DNS, domain by domain if so wanted. */
function nextChoice({ dns }: AdminDeps, arg: z.output<typeof setArg>): DnsChoice {
  const { splitDnsPatch, ...rest } = arg;
  const given: GivenChoice = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  const said = parseChoice(given, '');
  const kept: Record<string, unknown> = { ...dns.runtime };
  for (const [key, value] of Object.entries(rest)) if (value === null) delete kept[key];
  const next = overlay(kept as DnsChoice, said);
  if (splitDnsPatch === undefined) return next;
  const split = { ...overlay(dns.settings.choice, next).splitDns };
  for (const [domain, servers] of Object.entries(splitDnsPatch)) {
    const parsed = parseChoice({ splitDns: { [domain]: servers ?? [] } }, '').splitDns ?? {};
    if (servers === null || servers.length === 0) for (const name of Object.keys(parsed)) delete split[name];
    else Object.assign(split, parsed);
  }
  return { ...next, splitDns: split };
}

function findRecord(
  { network, dns }: AdminDeps,
  arg: { id: number } | { name: string; type?: string | undefined; value: string },
): DnsRecord {
  if ('id' in arg) {
    const byId = network.dnsRecords.get(arg.id);
    if (byId !== undefined) return byId;
    throw new RhumbError('not-found', `there is no record ${arg.id}: see dns records list`);
  }
  const record = parseRecord(arg, 'record');
  const found = [...network.dnsRecords.values()].find((one) => recordKey(one) === recordKey(record));
  if (found !== undefined) return found;
  const isFixed = dns.records.some((one) => recordKey(one) === recordKey(record));
  throw isFixed
    ? new RhumbError(
        'conflict',
        `${recordKey(record)} is in the configuration or its file: take it out there`,
      )
    : new RhumbError('not-found', `there is no record ${recordKey(record)}: see dns records list`);
}

const serverJson = ({ address, useWithExitNode }: Nameserver): NameserverJson => ({
  address,
  use_with_exit_node: useWithExitNode,
});

const JSON_NAMES = {
  magicDns: 'magic_dns',
  overrideLocalDns: 'override_local_dns',
  nameservers: 'nameservers',
  splitDns: 'split_dns',
  searchDomains: 'search_domains',
  https: 'https',
} as const satisfies Record<keyof DnsChoice, string>;

function dnsJson({ dns, live }: AdminDeps): DnsJson {
  const { effective, settings, runtime } = dns;
  const keys = Object.keys(JSON_NAMES) as (keyof DnsChoice)[];
  return {
    base_domain: dns.baseDomain,
    magic_dns: effective.magicDns,
    override_local_dns: effective.overrideLocalDns,
    nameservers: effective.nameservers.map(serverJson),
    split_dns: Object.fromEntries(
      Object.entries(effective.splitDns).map(([name, list]) => [name, list.map(serverJson)]),
    ),
    search_domains: effective.searchDomains,
    https: effective.https,
    https_possible: settings.canPublish,
    responder: settings.responderAddress ?? null,
    changed: keys.filter((key) => runtime[key] !== undefined).map((key) => JSON_NAMES[key]),
    records_file:
      settings.recordsPath === undefined
        ? null
        : {
            path: settings.recordsPath,
            records: dns.fileRecords.length,
            problem: live === undefined ? 'no server runs that would read it' : (dns.fileProblem ?? null),
          },
    warnings: dns.warnings,
  };
}

const fixedJson = ({ name, type, value }: ExtraRecord, source: 'config' | 'file'): DnsRecordJson => ({
  ...{ id: null, name, type, value, comment: '', source, created_at: null },
});

const recordJson = ({ id, name, type, value, comment, createdAt }: DnsRecord): DnsRecordJson => ({
  ...{ id, name, type, value, comment, source: 'api', created_at: timeJson(createdAt) },
});
