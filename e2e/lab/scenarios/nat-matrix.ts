/** Every pair of NAT kinds, with our machines and our relay: the kind of path, how soon, and what a dead path costs. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { RhumbError } from '#shared/errors.ts';
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { markdownTable, matrixFigures, textTable, tryMatrix } from '../matrix.ts';
import { NatNetwork } from '../nat-network.ts';
import { addTwins } from '../nat-table.ts';
import type { RunOptions, Scenario } from '../scenario.ts';
import { SITE_KINDS, type SiteKind, whatIs } from '../site.ts';
import { mustHold } from '../trial.ts';
import { must } from '../wait.ts';

/** Enough of each behaviour for a test that everybody runs. */
const FEW: readonly SiteKind[] = ['open', 'port-restricted', 'symmetric', 'only-443'];
/** One way from site to site and from site to server, as between two cities. */
const DELAY_MS = 20;
const AT_ONCE = 4;

const USAGE = `npm run lab -- nat-matrix [--only KIND,KIND] [--delay MS] [--no-failover] [--write docs/nat-matrix.md]
kinds: ${SITE_KINDS.join(', ')}`;

interface Wanted {
  readonly kinds: readonly SiteKind[];
  readonly delayMs: number;
  readonly withFailover: boolean;
  /** A file that gets the table. */
  readonly write: string | undefined;
}

function parse(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      delay: { type: 'string', default: `${DELAY_MS}` },
      'no-failover': { type: 'boolean', default: false },
      write: { type: 'string' },
    },
  });
  const delayMs = Number(values.delay);
  if (!(delayMs >= 0 && delayMs <= 1_000))
    throw new RhumbError('bad-argument', `--delay is 0 to 1000\n${USAGE}`);
  const kinds = values.only === undefined ? SITE_KINDS : values.only.split(',').map(kindNamed);
  return { kinds, delayMs, withFailover: !values['no-failover'], write: values.write };
}

function kindNamed(text: string): SiteKind {
  const found = SITE_KINDS.find((kind) => kind === text);
  if (found === undefined) throw new RhumbError('bad-argument', `no kind is called ${text}\n${USAGE}`);
  return found;
}

async function tryKinds(lab: Lab, wanted: Wanted, say: (text: string) => void): Promise<Figures> {
  const { kinds, delayMs, withFailover } = wanted;
  const network = await NatNetwork.open(lab);
  const twins = await addTwins(network.net, kinds);
  if (delayMs > 0) await network.net.weather({ delayMs });
  await network.join(network.net.sites);
  say(`${network.machines.size} machines have joined`);
  const results = await tryMatrix({
    kinds,
    atOnce: AT_ONCE,
    withFailover,
    twins: (kind) => {
      const pair = twins.get(kind);
      must(pair !== undefined, `there are two sites of kind ${kind}`);
      return [network.machine(pair[0].name), network.machine(pair[1].name)];
    },
    said: ({ a, b, path, problems }) => say(`${a} and ${b}: ${[path, ...problems].join(', ')}`),
  });
  say(`\n${textTable(results)}\n`);
  if (wanted.write !== undefined) writeFileSync(wanted.write, document(wanted, markdownTable(results)));
  mustHold(results);
  return matrixFigures(results);
}

const document = ({ kinds, delayMs }: Wanted, table: string): string => `# Which pairs talk directly

Measured by \`npm run lab -- nat-matrix --write docs/nat-matrix.md\`: two machines of each kind in network namespaces, all
on one computer, ${delayMs} ms one way between any two sites and between a site and the server, one relay.

The words of RFC 4787: a NAT maps one inner port to one outer port for all destinations (EIM) or to another for each address
and port (APDM), and lets in anybody (EIF), addresses that were sent to (ADF), or only the very ports (APDF).

| kind | what stands between the machine and the Internet |
| --- | --- |
${kinds.map((kind) => `| ${kind} | ${whatIs(kind)} |`).join('\n')}

*By the book* is what two NATs of these kinds allow without guessing; a pair that should be on a relay and is direct got
there by predicting ports. *To direct* counts from the first packet until both ends use the direct path. Then the direct
path dies silently under a running TCP transfer: *fail-over* is until the next packet arrives, *TCP silent* the longest
pause of that connection, *recovery* the time back to a direct path once there is one again. No packet was lost from the
first one on, and no connection was reset, unless the last column says so.

${table}
`;

export const natMatrix: Scenario = {
  name: 'nat-matrix',
  what: 'every pair of NAT kinds gets the path it can have, fast, and keeps its connections when that dies',
  needs: ['nft', 'curl', 'miniupnpd'],
  isSlow: true,
  run: (lab, { args, say }: RunOptions) => tryKinds(lab, parse(args), say),
};

export const natPairs: Scenario = {
  name: 'nat-pairs',
  what: 'a few pairs of the NAT matrix',
  needs: ['nft', 'curl'],
  run: (lab, { say }) =>
    tryKinds(lab, { kinds: FEW, delayMs: DELAY_MS, withFailover: true, write: undefined }, say),
};
