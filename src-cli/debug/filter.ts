/** `rhumb debug filter`: the rules of the packet filter with what each let in, and what was refused. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Action } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';
import { elastic } from '../print/table.ts';

const count = z.union([z.number(), z.bigint()]);
const report = z.looseObject({
  shieldsUp: z.boolean(),
  rules: z.array(
    z.looseObject({
      rule: z.looseObject({
        protocols: z.array(z.number()),
        sources: z.array(z.string()),
        destinations: z.array(z.looseObject({ prefix: z.string(), first: z.number(), last: z.number() })),
      }),
      passed: count,
      nearMisses: count,
    }),
  ),
  refusals: z
    .array(
      z.looseObject({
        peer: z.union([z.string(), z.number()]).optional(),
        protocol: z.union([z.string(), z.number()]).optional(),
        from: z.unknown(),
        to: z.unknown(),
        reason: z.union([z.string(), z.number()]).optional(),
      }),
    )
    .optional(),
  counters: z.record(z.string(), count).optional(),
});
type Report = z.infer<typeof report>;
type Rule = Report['rules'][number]['rule'];

/** `rhumb debug filter`. */
export const debugFilter: Action = async (context, { flags }) => {
  const json = await context.api.get('rhumb/filter', context.signal).catch((error: unknown) => {
    if (error instanceof RhumbError && error.code === 'not-found')
      throw new RhumbError('unavailable', 'this daemon does not count by rule; only rhumbd does', {
        cause: error,
      });
    throw error;
  });
  if (flags.bool('json')) {
    context.out(`${goJson(json, '  ')}\n`);
    return 0;
  }
  const parsed = report.safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "rhumb/filter: the daemon's reply is malformed", {
      cause: parsed.error,
    });
  context.out(render(parsed.data));
  return 0;
};

function render({ shieldsUp, rules, refusals = [], counters = {} }: Report): string {
  const rows = rules.map(({ rule, passed, nearMisses }, at) =>
    [
      `${at + 1}`,
      sourcesText(rule),
      destinationsText(rule),
      protocolsText(rule),
      `${passed}`,
      `${nearMisses}`,
    ]
      .map((cell) => `${cell}\t`)
      .join(''),
  );
  const table = elastic(['RULE\tFROM\tTO\tPROTOCOLS\tPASSED\tNEAR MISSES\t', ...rows, ''].join('\n'), {
    minWidth: 0,
    padding: 2,
  });
  const counted = Object.entries(counters).sort(([a], [b]) => (a < b ? -1 : 1));
  const drops = elastic(counted.map(([name, value]) => `  ${name}\t${value}\n`).join(''), {
    minWidth: 0,
    padding: 2,
  });
  const told = refusals.map(
    ({ peer = '?', protocol = '?', from, to, reason = '?' }) =>
      `  ${peer}: ${protocol} ${place(from)} -> ${place(to)}: ${reason}\n`,
  );
  return [
    shieldsUp ? 'Shields are up: nothing may begin from outside.\n\n' : '',
    rules.length === 0 ? 'No rule lets anything in.\n' : table,
    drops === '' ? '' : `\nCounters:\n${drops}`,
    told.length === 0 ? '' : `\nRefused by others:\n${told.join('')}`,
  ].join('');
}

const MAX_SHOWN = 3;

/** The first few, and how many more there are. */
function few(items: readonly string[]): string {
  const more = items.length - MAX_SHOWN;
  return items.slice(0, MAX_SHOWN).join(',') + (more > 0 ? `,+${more}` : '');
}

const sourcesText = ({ sources }: Rule): string => few(sources);
const destinationsText = ({ destinations }: Rule): string =>
  few(destinations.map(({ prefix, first, last }) => `${prefix}:${portsText(first, last)}`));

const MAX_PORT = 65_535;
function portsText(first: number, last: number): string {
  if (first === 0 && last === MAX_PORT) return '*';
  return first === last ? `${first}` : `${first}-${last}`;
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};
const protocolsText = ({ protocols }: Rule): string =>
  protocols.length === 0 ? 'usual' : few(protocols.map((number) => PROTOCOLS[number] ?? `${number}`));

/** `ip:port` in whichever shape it came. */
function place(value: unknown): string {
  if (typeof value === 'string') return value;
  const parsed = z.looseObject({ ip: z.string(), port: z.number() }).safeParse(value);
  if (!parsed.success) return '?';
  const { ip, port } = parsed.data;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
