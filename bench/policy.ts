/** `policy`: 1 000 rules for 10 000 machines from the text to every filter, and what the change of one machine costs. */
import { performance } from 'node:perf_hooks';
import { RhumbError } from '#shared/errors.ts';
import { CompiledPolicy } from '../src-control/policy/compile/compiled.ts';
import type { PolicyNetwork } from '../src-control/policy/compile/network.ts';
import type { PolicyAst } from '../src-control/policy/language/ast.ts';
import { Core } from '../src-control/policy/live/core.ts';
import { Gathered } from '../src-control/policy/live/gathered.ts';
import { Slots } from '../src-control/policy/live/slots.ts';
import { Effect } from '../src-control/policy/live/view.ts';
import { checkText } from '../src-control/policy/offline/compile-offline.ts';
import { readTopology } from '../src-control/policy/offline/topology.ts';
import type { Benchmark, Measured } from './benchmark.ts';

const MACHINES = 10_000;
const RULES = 1_000;
const USERS = 2_000;
const GROUPS = 100;
const TAGS = 200;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const mail = (i: number): string => `u${i % USERS}@corp.test`;

function policyText(): string {
  const groups = range(GROUPS).map((g) => [`group:g${g}`, range(20).map((k) => mail(20 * g + k))]);
  const acls = range(RULES).map((r) => ({
    action: 'accept',
    src: [`group:g${r % GROUPS}`],
    dst: [`tag:t${(7 * r + 1) % TAGS}:${1_000 + r}`],
  }));
  const tagOwners = Object.fromEntries(range(TAGS).map((t) => [`tag:t${t}`, []]));
  return JSON.stringify({ groups: Object.fromEntries(groups), tagOwners, acls });
}

function network(): PolicyNetwork {
  const users = range(USERS).map((i) => ({ id: i + 1, name: `u${i}`, email: mail(i) }));
  const nodes = range(MACHINES).map((i) => {
    const owner = i % 2 === 0 ? { user: `u${i % USERS}` } : { tags: [`tag:t${i % TAGS}`] };
    return [
      `n${i}`,
      {
        ...owner,
        ipv4: `100.64.${i >> 7}.${2 * (i & 127)}`,
        ipv6: `fd7a:115c:a1e0::${(2 * i + 2).toString(16)}`,
      },
    ];
  });
  return readTopology(JSON.stringify({ users, nodes: Object.fromEntries(nodes) }));
}

const round = (ms: number): number => Math.round(ms * 100) / 100;

const CHANGES = 50;

/** One machine after another gets another tag, in a network where all have been told of their peers and filters. */
function changes(
  ast: PolicyAst,
  net: PolicyNetwork,
  figures: Record<string, number>,
  signal: AbortSignal,
): void {
  signal.throwIfAborted();
  const slots = new Slots(net.nodes.map(({ id }) => id));
  const core = new Core({ ast, network: net, slots, serverUrl: '', primaries: new Map() });
  for (const { id } of net.nodes) {
    core.peersOf(id);
    core.filterOf(id);
  }
  const [took, concerned]: [number[], number[]] = [[], []];
  let told = 0;
  for (const i of range(CHANGES)) {
    const node = net.nodes[197 * i + 1];
    if (node === undefined) continue;
    const out = new Gathered();
    const start = performance.now();
    core.replace(node.id, { ...node, tags: [`tag:t${(i * 31) % TAGS}`] }, out);
    const effects = out.take();
    took.push(performance.now() - start);
    concerned.push(effects.nodes.size + effects.seen.reduce((sum, { viewers }) => sum + viewers.length, 0));
    const again = performance.now();
    for (const [id, bits] of effects.nodes) {
      if (bits & Effect.Peers) core.peersOf(id);
      if (bits & Effect.Filter) core.filterOf(id);
    }
    told += performance.now() - again;
  }
  const sorted = took.toSorted((a, b) => a - b);
  figures['changeP50Ms'] = round(sorted[CHANGES >> 1] ?? 0);
  figures['changeMaxMs'] = round(sorted.at(-1) ?? 0);
  figures['changeConcerns'] = Math.round(concerned.reduce((a, b) => a + b, 0) / CHANGES);
  figures['changeAnswersMs'] = round(told / CHANGES);
}

async function run(signal: AbortSignal): Promise<Measured> {
  const text = policyText();
  const net = network();
  const figures: Record<string, number> = {};
  const timed = <T>(name: string, body: () => T): T => {
    signal.throwIfAborted();
    const start = performance.now();
    const result = body();
    figures[name] = round(performance.now() - start);
    return result;
  };
  const { ast } = timed('checkMs', () => checkText(text));
  if (ast === undefined) throw new RhumbError('internal', 'the policy of the benchmark is bad');
  const compile = (): CompiledPolicy => new CompiledPolicy(ast, net, { serverUrl: '' });
  const compiled = timed('compileMs', compile);
  const [first] = compiled.machines;
  if (first === undefined) throw new RhumbError('internal', 'the network of the benchmark is empty');
  timed('firstPeersMs', () => compiled.peersOf(first));
  timed('allPeersMs', () => compiled.machines.map((one) => compiled.peersOf(one).length));
  timed('allFiltersMs', () => compiled.machines.map((one) => compiled.filterOf(one).length));
  timed('oneFilterMs', () => compiled.filterOf(first));
  timed('recompileMs', compile);
  changes(ast, net, figures, signal);
  figures['residentMb'] = Math.round(process.memoryUsage.rss() / 2 ** 20);
  return { figures };
}

export const policy: Benchmark = {
  name: 'policy',
  what: `compiles ${RULES} rules for ${MACHINES} machines: from the text, every peer list, every filter, then one machine's change`,
  run,
};
