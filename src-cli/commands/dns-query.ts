/** `rhumb dns query`: asks the daemon's resolver for a name and shows the answer (localapi-and-daemon.md §4.10). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type Answer, readAnswer } from '#shared/probing/dns-answer.ts';
import { type ResolverInfo, resolverText } from '../print/dns-status.ts';
import { goJson } from '../print/go-json.ts';
import { cell, elastic } from '../print/table.ts';
import type { Action } from './spec.ts';

const MAX_BYTES = 128 * 1024;
const reply = z.looseObject({
  Bytes: z.base64().max(MAX_BYTES).nullable(),
  Resolvers: z
    .array(
      z.looseObject({
        Addr: z.string().optional(),
        BootstrapResolution: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});

interface Report {
  readonly Name: string;
  readonly QueryType: string;
  readonly Resolvers: readonly ResolverInfo[] | undefined;
  readonly ResponseCode: string;
  readonly Answers: readonly Answer[] | undefined;
}

/** `rhumb dns query`. */
export const dnsQuery: Action = async (context, { flags, args }) => {
  const [name, type = 'A'] = args;
  if (name === undefined || name === '')
    throw new RhumbError('bad-argument', 'missing required argument: name');
  const query = new URLSearchParams({ name, type: type.toUpperCase() });
  const json = await context.api.get(`dns-query?${query}`, context.signal).catch((error: unknown) => {
    if (!(error instanceof RhumbError)) throw error;
    throw new RhumbError(error.code, `failed to query DNS: ${error.message}`, { cause: error });
  });
  const parsed = reply.safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "dns-query: the daemon's reply is malformed", { cause: parsed.error });
  const resolvers = (parsed.data.Resolvers ?? []).map(
    ({ Addr = '', BootstrapResolution }): ResolverInfo => ({
      Addr,
      ...(BootstrapResolution && BootstrapResolution.length > 0 && { BootstrapResolution }),
    }),
  );
  const { code, answers } = readAnswer(Buffer.from(parsed.data.Bytes ?? '', 'base64'));
  const report: Report = {
    Name: name,
    QueryType: type.toUpperCase(),
    Resolvers: resolvers.length === 0 ? undefined : resolvers,
    ResponseCode: code,
    Answers: answers,
  };
  context.out(flags.bool('json') ? `${goJson(report, '  ')}\n` : render(report));
  return 0;
};

function render(report: Report): string {
  const resolvers = report.Resolvers ?? [];
  const [only] = resolvers;
  const head = `DNS query for ${JSON.stringify(report.Name)} (${report.QueryType}) using internal resolver:\n\n`;
  const asked =
    only !== undefined && resolvers.length === 1
      ? `Forwarding to resolver: ${resolverText(only)}\n`
      : `Multiple resolvers available:\n${resolvers.map((one) => `  - ${resolverText(one)}\n`).join('')}`;
  const code = `\nResponse code: ${report.ResponseCode}\n\n`;
  if (report.Answers === undefined) return `${head}${asked}${code}No answers were returned.\n`;
  const rows = report.Answers.map(
    ({ Name, TTL, Class, Type, Body }) => `${cell(Name)}\t${TTL}\t${Class}\t${Type}\t${cell(Body)}\n`,
  );
  const table = elastic(`Name\tTTL\tClass\tType\tBody\n----\t---\t-----\t----\t----\n${rows.join('')}`, {
    minWidth: 0,
    padding: 2,
  });
  const none = report.Answers.length === 0 ? '  (no answers found)\n' : '';
  return `${head}${asked}${code}${none}${table}\n`;
}
