/** How names are resolved: by the network's settings, by the system, and what our own resolver answers. */
import { z } from 'zod';
import type { ResultOf } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import { readAnswer } from '../../probing/dns-answer.ts';
import { type DnsConfig, dnsConfig } from '../../wire/map.ts';
import { optional } from '../optional.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'api' | 'clock'>;
type DnsStatus = ResultOf<'dns.status'>;

const texts = z.array(z.string()).nullish();
const osConfig = z.looseObject({ Nameservers: texts, SearchDomains: texts, MatchDomains: texts });
const resolver = z.looseObject({ Addr: z.string().optional() });
const MAX_BYTES = 128 * 1_024;
const queryReply = z.looseObject({
  Bytes: z.base64().max(MAX_BYTES).nullable(),
  Resolvers: z.array(resolver).nullish(),
});

export function dnsCalls({ api, clock }: Needs): Handlers<'dns.status' | 'dns.query'> {
  return {
    'dns.status': async (_arg, { caller, signal }) => {
      const [wanted, told] = await Promise.all([
        networkDns(api, signal),
        // Only those who may change it may look into the system's own settings.
        caller.rights === 'manage' ? systemDns(api, signal) : undefined,
      ]);
      return statusOf(wanted, told);
    },
    'dns.query': async ({ name, type }, { signal }) => {
      const began = clock.monotonic();
      const query = new URLSearchParams({ name, type: type.toUpperCase() });
      const parsed = queryReply.safeParse(await api.get(`dns-query?${query}`, signal));
      if (!parsed.success) throw malformed('dns-query');
      const { code, answers = [] } = readAnswer(Buffer.from(parsed.data.Bytes ?? '', 'base64'));
      return {
        code: code.replace(/^RCode/, ''),
        answers: answers
          .slice(0, 256)
          .map(({ Name, TTL, Type, Body }) =>
            `${Name} ${TTL} ${Type.replace(/^Type/, '')} ${Body}`.slice(0, 8_192),
          ),
        resolvers: addresses(parsed.data.Resolvers, 64),
        ms: clock.monotonic() - began,
      };
    },
  };
}

const malformed = (endpoint: string): RhumbError =>
  new RhumbError('protocol', `${endpoint}: the daemon's reply is malformed`);

/** Undefined before there is a network. */
async function networkDns(api: Needs['api'], signal: AbortSignal): Promise<DnsConfig | undefined> {
  const json = await optional(api.get('dns-config', signal), signal);
  if (json === undefined) return undefined;
  const parsed = dnsConfig.safeParse(json ?? {});
  if (!parsed.success) throw malformed('dns-config');
  return parsed.data;
}

/** Undefined where the system's resolver is not told anything. */
async function systemDns(
  api: Needs['api'],
  signal: AbortSignal,
): Promise<z.infer<typeof osConfig> | undefined> {
  const json = await optional(api.get('dns-osconfig', signal), signal);
  if (json === undefined) return undefined;
  const parsed = osConfig.safeParse(json);
  if (!parsed.success) throw malformed('dns-osconfig');
  return parsed.data;
}

function statusOf(wanted: DnsConfig | undefined, told: z.infer<typeof osConfig> | undefined): DnsStatus {
  const routes = Object.entries(wanted?.Routes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    nameservers: short(told?.Nameservers, 64),
    searchDomains: short(told?.SearchDomains ?? wanted?.Domains, 256),
    matchDomains: short(told?.MatchDomains, 1_024),
    resolvers: addresses(wanted?.Resolvers, 256),
    routes: routes
      .slice(0, 1_024)
      .map(([suffix, to]) => ({ suffix: suffix.slice(0, 1_024), resolvers: addresses(to, 64) })),
  };
}

const short = (list: readonly string[] | null | undefined, max: number): string[] =>
  (list ?? []).slice(0, max).map((text) => text.slice(0, 256));

const addresses = (
  list: readonly { readonly Addr?: string | undefined }[] | null | undefined,
  max: number,
): string[] =>
  short(
    (list ?? []).map(({ Addr }) => Addr ?? ''),
    max,
  );
