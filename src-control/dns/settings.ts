/** What the network's DNS is to be: the configuration file's part, the part that administrators change while the server runs, and both as one. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';
import { parseDomain } from './names.ts';
import { type GivenNameserver, type Nameserver, parseNameserver } from './nameserver.ts';
import type { ExtraRecord } from './record.ts';

/** Domains in canonical form. */
export type SplitDns = Readonly<Record<string, readonly Nameserver[]>>;

/** Undefined = not said here. */
export interface DnsChoice {
  readonly magicDns?: boolean | undefined;
  readonly overrideLocalDns?: boolean | undefined;
  readonly nameservers?: readonly Nameserver[] | undefined;
  /** Domain to who answers for it; nobody = only the network's own records do. */
  readonly splitDns?: SplitDns | undefined;
  readonly searchDomains?: readonly string[] | undefined;
  /** Whether machines may ask for certificates. */
  readonly https?: boolean | undefined;
}

/** What some machines get instead. */
export interface DnsOverride {
  /** By name or address; any of the three is enough. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly tags: readonly string[];
  readonly choice: Pick<DnsChoice, 'nameservers' | 'overrideLocalDns' | 'splitDns' | 'searchDomains'>;
  /** Beside the common ones, and instead of those of the same name. */
  readonly records: readonly ExtraRecord[];
}

/** The part of the configuration file. */
export interface DnsSettings {
  readonly choice: DnsChoice;
  readonly records: readonly ExtraRecord[];
  readonly recordsPath: string | undefined;
  readonly overrides: readonly DnsOverride[];
  /** Names that exit nodes must not look up for others; with a dot in front, all below. */
  readonly exitNodeFiltered: readonly string[];
  /** Where machines find the built-in responder; undefined = there is none. */
  readonly responderAddress: string | undefined;
  /** Whether there is a way to publish challenges. */
  readonly canPublish: boolean;
}

/** Everything said. */
export interface Effective {
  readonly magicDns: boolean;
  readonly overrideLocalDns: boolean;
  readonly nameservers: readonly Nameserver[];
  readonly splitDns: SplitDns;
  readonly searchDomains: readonly string[];
  readonly https: boolean;
}

/** `later` wins where it says something; split DNS is one thing, not domain by domain. */
export const overlay = (earlier: DnsChoice, later: DnsChoice): DnsChoice => ({
  magicDns: later.magicDns ?? earlier.magicDns,
  overrideLocalDns: later.overrideLocalDns ?? earlier.overrideLocalDns,
  nameservers: later.nameservers ?? earlier.nameservers,
  splitDns: later.splitDns ?? earlier.splitDns,
  searchDomains: later.searchDomains ?? earlier.searchDomains,
  https: later.https ?? earlier.https,
});

export function effective(choice: DnsChoice, canPublish: boolean): Effective {
  const nameservers = choice.nameservers ?? [];
  return {
    magicDns: choice.magicDns ?? false,
    // Who names servers wants them used; without any there is nothing to put in the place of the machine's own.
    overrideLocalDns: (choice.overrideLocalDns ?? true) && nameservers.length > 0,
    nameservers,
    splitDns: choice.splitDns ?? {},
    searchDomains: choice.searchDomains ?? [],
    https: canPublish && (choice.https ?? true),
  };
}

export const MAX_NAMESERVERS = 16;
export const MAX_DOMAINS = 256;

const address = z.string().min(1).max(2_048);
/** As it comes in from files and administrators; what the text means is for `parseChoice`. */
export const givenNameserver = z.union([
  address,
  z.strictObject({ address, useWithExitNode: z.boolean().optional() }),
]);
export const givenServers = z.array(givenNameserver).max(MAX_NAMESERVERS);
export const givenSplit = z
  .record(z.string().max(256), givenServers)
  .refine((split) => Object.keys(split).length <= MAX_DOMAINS, `at most ${MAX_DOMAINS} domains`);
export const givenDomains = z.array(z.string().min(1).max(256)).max(64);

export interface GivenChoice {
  readonly magicDns?: boolean | undefined;
  readonly overrideLocalDns?: boolean | undefined;
  readonly nameservers?: readonly GivenNameserver[] | undefined;
  readonly splitDns?: Readonly<Record<string, readonly GivenNameserver[]>> | undefined;
  readonly searchDomains?: readonly string[] | undefined;
  readonly https?: boolean | undefined;
}

/** `at` is the place of the whole in the file, with its dot, for errors. */
export function parseChoice(given: GivenChoice, at: string): DnsChoice {
  const choice: DnsChoice = {
    magicDns: given.magicDns,
    overrideLocalDns: given.overrideLocalDns,
    nameservers: given.nameservers?.map((one, index) => parseNameserver(one, `${at}nameservers.${index}`)),
    splitDns: given.splitDns === undefined ? undefined : parseSplit(given.splitDns, `${at}splitDns`),
    searchDomains: given.searchDomains?.map((one, index) => parseDomain(one, `${at}searchDomains.${index}`)),
    https: given.https,
  };
  refuseTwice(
    choice.nameservers?.map((one) => one.address),
    `${at}nameservers`,
  );
  refuseTwice(choice.searchDomains, `${at}searchDomains`);
  return choice;
}

function parseSplit(given: NonNullable<GivenChoice['splitDns']>, at: string): SplitDns {
  const split: Record<string, readonly Nameserver[]> = {};
  for (const [text, servers] of Object.entries(given)) {
    const domain = parseDomain(text, at);
    if (Object.hasOwn(split, domain))
      throw new RhumbError('bad-argument', `${at}: ${domain} stands there twice`);
    const parsed = servers.map((one, index) => parseNameserver(one, `${at}.${text}.${index}`));
    refuseTwice(
      parsed.map((one) => one.address),
      `${at}.${text}`,
    );
    split[domain] = parsed;
  }
  return split;
}

function refuseTwice(values: readonly string[] | undefined, at: string): void {
  const twice = values?.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw new RhumbError('bad-argument', `${at}: ${twice} stands there twice`);
}

/** What only the whole shows: taking a machine's own nameservers away needs others. */
export function checkChoice(choice: DnsChoice, at: string): void {
  if (choice.overrideLocalDns === true && (choice.nameservers ?? []).length === 0)
    throw new RhumbError(
      'bad-argument',
      `${at}overrideLocalDns needs at least one of ${at}nameservers: machines would have nobody left to ask`,
    );
}

/** Setting of the store with what administrators changed. */
export const DNS_SETTING = 'dns';

const stored = z.object({
  magicDns: z.boolean().optional(),
  overrideLocalDns: z.boolean().optional(),
  nameservers: givenServers.optional(),
  splitDns: givenSplit.optional(),
  searchDomains: givenDomains.optional(),
  https: z.boolean().optional(),
});

export const readStored = (text: string | undefined): DnsChoice =>
  text === undefined ? {} : parseChoice(stored.parse(parseJson(text)), 'setting dns: ');

export const writeStored = (choice: DnsChoice): string => JSON.stringify(choice);
