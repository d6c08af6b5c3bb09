/** `rhumb netcheck`: measures the relays from here and tells what this network lets through. */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import { type Log, silent } from '#shared/log/log.ts';
import { Netcheck } from '#shared/netcheck/check.ts';
import { reportJson } from '#shared/netcheck/json.ts';
import { natWords } from '#shared/netcheck/nat-words.ts';
import { rehearse } from '#shared/netcheck/rehearsal.ts';
import type { NetReport } from '#shared/netcheck/report.ts';
import { renderReport } from '#shared/netcheck/text.ts';
import type { ProbeOptions, Probes } from '#shared/probing/probes.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { Context } from './context.ts';
import { relayMap } from './derp-map.ts';
import type { Action, FlagValues } from './spec.ts';

const MAX_PORT = 65_535;
const FORMATS: readonly string[] = ['', 'json', 'json-line'];

/** `rhumb netcheck`. */
export const netcheck: Action = async (context, { flags }) => {
  const bind = bindOf(flags);
  const format = flags.text('format');
  if (!FORMATS.includes(format))
    throw new RhumbError(
      'bad-argument',
      `unknown output format ${JSON.stringify(format)}: want json or json-line`,
    );
  if (format !== '') context.err('# Warning: this JSON format is not yet considered a stable interface\n');
  const map = await relayMap(context);
  const isVerbose = flags.bool('verbose');
  const log = isVerbose ? verboseLog(context) : silent;
  // A stray datagram may come before there is somebody to take it.
  let check: Netcheck | undefined;
  const receive: ProbeOptions['receive'] = (...answer) => check?.handleStun(...answer);
  await using probes = await context.openProbes({ ...bind, clock: context.clock, log, receive });
  check = new Netcheck({ ...probes.netcheck, clock: context.clock, log, isVerbose });
  await rehearse(map, context.clock, context.signal);
  if (probes.hasUdp) for (const why of probes.failures) log('info', 'netcheck.no-socket', { why });
  else context.err(`netcheck: UDP test failure: ${probes.failures.join('; ')}\n`);
  while (true) {
    const report = await check.run({ map, home: 0 }, context.signal);
    context.out(render(map, report, probes, flags));
    if (flags.number('every') === 0) return 0;
    await context.clock.sleep(flags.number('every'), context.signal);
  }
};

interface Bind {
  readonly bindAddress: string | undefined;
  readonly bindPort: number;
}

function bindOf(flags: FlagValues): Bind {
  const bindPort = flags.number('bind-port');
  if (bindPort > MAX_PORT) throw new RhumbError('bad-argument', `invalid bind port number: ${bindPort}`);
  const text = flags.text('bind-address');
  const bindAddress = canonicalIp(text);
  if (text !== '' && bindAddress === undefined)
    throw new RhumbError('bad-argument', `invalid bind address: ${JSON.stringify(text)}`);
  return { bindAddress, bindPort };
}

function render(map: DerpMap, report: NetReport, probes: Probes, flags: FlagValues): string {
  const format = flags.text('format');
  if (format !== '') return `${reportJson(report, format === 'json' ? '\t' : '')}\n`;
  const utcOffsetMin = (atMs: number): number => -new Date(atMs).getTimezoneOffset();
  const text = renderReport(map, report, { isVerbose: flags.bool('verbose'), utcOffsetMin });
  const words = natWords({ report, localIps: probes.localIps });
  return `${text}\nWhat it means:\n${words.map((line) => `\t* ${line}\n`).join('')}`;
}

function verboseLog(context: Context): Log {
  const log: Log = Object.assign(
    (_level: unknown, event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      const details = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
      context.err(`netcheck: ${event}${details.join('')}\n`);
    },
    { child: (): Log => log },
  );
  return log;
}
