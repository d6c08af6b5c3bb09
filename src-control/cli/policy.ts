/** `policy compile|check|explain`: a policy file judged without a server, for people who test theirs in their own CI; and its family. */
import { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { explainJson } from '../admin/policy-json.ts';
import { parseProtocol } from '../policy/language/ports.ts';
import {
  checkText,
  compileText,
  errorsJson,
  type OfflineAnswer,
  offlineAnswer,
} from '../policy/offline/compile-offline.ts';
import { readTopology } from '../policy/offline/topology.ts';
import type { Diagnostic, Report } from '../policy/text/diagnostic.ts';
import { explain } from '../policy/verdict/explain.ts';
import { against, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { checkLive, explained, liveCommands } from './policy-live.ts';
import { readText } from './policy-text.ts';
import { parseFormat } from './print.ts';

/** What clients would ask about SSH checks, where no server is named. */
const NO_SERVER = 'https://unused';

const options = z.object({
  output: z.string(),
  topology: z.string().optional(),
  policy: z.string().optional(),
  serverUrl: z.string().optional(),
  proto: z.string().optional(),
});

/** The file, the place, what is wrong, and the line with a mark under it (policy.md §6.2). */
function rendered(file: string, report: Report, { severity, code, message, range }: Diagnostic): string {
  const { line, column } = range.start;
  const source = report.lineText(line);
  const before = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const width = range.end.line === line ? Math.max(1, range.end.column - column) : 1;
  return `${file}:${line}:${column}: ${severity}[${code}]: ${message}\n  ${source}\n  ${before}${'^'.repeat(width)}`;
}

function warn(io: Io, file: string, report: Report): void {
  for (const one of report.all) if (one.severity === 'warning') io.err(rendered(file, report, one));
}

/** Prints every error and ends with exit status 1. */
function refuse(io: Io, file: string, report: Report): never {
  const errors = report.all.filter(({ severity }) => severity === 'error');
  for (const one of errors) io.err(rendered(file, report, one));
  throw new RhumbError(
    'not-allowed',
    `${file}: ${errors.length === 1 ? 'one error' : `${errors.length} errors`}`,
  );
}

function summary({ nodes }: OfflineAnswer): string {
  return Object.entries(nodes)
    .map(
      ([name, node]) =>
        `${name}: ${node.packet_filter_rules.length} rules, peers: ${node.peers.join(', ') || 'none'}`,
    )
    .join('\n');
}

function compileCommand(io: Io): Command {
  const command = leaf('compile', 'show what every machine of a network would get')
    .argument('<policy>', 'the policy file')
    .requiredOption('--topology <file>', 'users and nodes of the network, as JSON')
    .option('--server-url <url>', 'the server that clients ask for SSH checks', NO_SERVER)
    .action((file: string) => {
      const { output, topology = '', serverUrl = NO_SERVER } = options.parse(command.opts());
      const format = parseFormat(output);
      const network = readTopology(readText(topology, 'topology'));
      const compiled = compileText(readText(file, 'policy'), network, serverUrl.replace(/\/+$/, ''));
      const answer = offlineAnswer(compiled);
      warn(io, file, compiled.report);
      if (format !== 'text' || compiled.compiled !== undefined)
        show(io, format, answer, () => summary(answer));
      if (compiled.compiled === undefined) refuse(io, file, compiled.report);
    });
  return command;
}

function checkCommand(io: Io): Command {
  const command = leaf('check', 'say what is wrong with a policy')
    .argument('[policy]', 'the policy file')
    .option('-f, --file <file>', 'the policy file, as in Headscale')
    .option('--topology <file>', 'also run its tests against this network')
    .option('--live', "also run its tests against the server's own network")
    .action(
      async (position: string | undefined, { live, file: named }: { live?: boolean; file?: string }) => {
        const { output, topology } = options.parse(command.opts());
        const format = parseFormat(output);
        const file = position ?? named;
        if (file === undefined) throw new RhumbError('bad-argument', 'say which policy file');
        if (live === true) return against(io, command, (admin) => checkLive(io, admin, file, format));
        const text = readText(file, 'policy');
        const { report } =
          topology === undefined
            ? checkText(text)
            : compileText(text, readTopology(readText(topology, 'topology')), NO_SERVER);
        warn(io, file, report);
        if (format !== 'text' || !report.hasErrors)
          show(io, format, { errors: errorsJson(report) }, () => `${file} is good`);
        if (report.hasErrors) refuse(io, file, report);
        return undefined;
      },
    );
  return command;
}

function protoOf(text: string | undefined): number | undefined {
  const proto = text === undefined ? undefined : parseProtocol(text);
  if (typeof proto === 'object') throw new RhumbError('bad-argument', `--proto: ${proto.why}`);
  return proto;
}

function explainCommand(io: Io): Command {
  const command = leaf('explain', 'say which rule lets SRC reach DST, or why none does')
    .argument('<src>', 'a machine, user, group, tag or address')
    .argument('<dst>', 'the same, with :port for one port')
    .option('--policy <file>', 'this policy instead of the one in force')
    .option('--topology <file>', 'this network, as JSON, instead of the one of the server')
    .option('--proto <protocol>', 'only this protocol: tcp, udp, icmp, a number')
    .action(async (src: string, dst: string) => {
      const { output, policy, topology, proto } = options.parse(command.opts());
      const format = parseFormat(output);
      if (topology === undefined)
        return against(io, command, async (admin) => {
          const found = await admin.call('policy.explain', {
            ...{ src, dst },
            ...(proto === undefined ? {} : { proto }),
            ...(policy === undefined ? {} : { text: readText(policy, 'policy') }),
          });
          show(io, format, found, () => explained(src, dst, policy ?? 'policy', found));
        });
      if (policy === undefined)
        throw new RhumbError('bad-argument', '--topology needs --policy: the file to try on that network');
      const network = readTopology(readText(topology, 'topology'));
      const text = readText(policy, 'policy');
      const { report, compiled } = compileText(text, network, NO_SERVER);
      if (compiled === undefined) return refuse(io, policy, report);
      const found = explainJson(explain(compiled, { src, dst, proto: protoOf(proto) }), text);
      show(io, format, found, () => explained(src, dst, policy, found));
      return undefined;
    });
  return command;
}

export function policyCommand(io: Io): Command {
  const command = new Command('policy').description('who may reach whom');
  for (const one of liveCommands(io)) command.addCommand(one);
  return command.addCommand(compileCommand(io)).addCommand(checkCommand(io)).addCommand(explainCommand(io));
}
