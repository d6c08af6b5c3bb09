/** Calls about the policy: reading, judging and setting it, its versions, and what it means for the network. */
import { createTwoFilesPatch } from 'diff';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { CompiledPolicy } from '../policy/compile/compiled.ts';
import { parseProtocol } from '../policy/language/ports.ts';
import { type Proposal, sha256 } from '../policy/live/book.ts';
import { networkFacts } from '../policy/live/facts.ts';
import { compileText } from '../policy/offline/compile-offline.ts';
import { explain } from '../policy/verdict/explain.ts';
import { preview } from '../policy/verdict/preview.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import {
  currentJson,
  diagnosticJson,
  explainJson,
  type JudgementJson,
  judgementJson,
  previewJson,
  reachJson,
  type VersionJson,
  versionJson,
} from './policy-json.ts';
import { waitingFor } from './policy-words.ts';

/** Larger than any that the language takes, so that its own message says what the limit is. */
const MAX_TEXT = 4 << 20;
const MAX_HISTORY = 1_000;
const MAX_EDGES = 20_000;
const MAX_PAIRS = 200;

const text = z.string().max(MAX_TEXT);
const version = z.int().min(1);
const place = z.string().min(1).max(512);
const changing = {
  ifMatch: z.string().max(128).optional(),
  comment: z.string().max(512).optional(),
  /** The concerns of `policy.check` are known. */
  confirm: z.boolean().optional(),
};

export interface SetJson extends JudgementJson {
  /** Null when nothing was changed: there are errors, or concerns without a yes. */
  readonly version: VersionJson | null;
}

type Changing = { readonly [K in keyof typeof changing]?: z.output<(typeof changing)[K]> };

async function set(deps: AdminDeps, wanted: string, arg: Changing, by: Caller): Promise<SetJson> {
  const proposal: Proposal = {
    text: wanted,
    comment: arg.comment ?? '',
    ifMatch: arg.ifMatch?.replace(/^(?:W\/)?"(.*)"$/, '$1'),
    isConfirmed: arg.confirm ?? false,
  };
  const { policy } = deps;
  const outcome = await policy.set(proposal, by, by.userId);
  const { record } = outcome;
  return {
    ...judgementJson(outcome),
    version: record === undefined ? null : versionJson(record, policy.active),
  };
}

/** A version by its number, or a text; without either the one in force. */
function textOf(deps: AdminDeps, id: number | undefined, given: string | undefined): string {
  if (given !== undefined) return given;
  if (id !== undefined) return deps.policy.version(id).text;
  return deps.policy.newest?.text ?? '';
}

/** A text compiled for the network as it is; errors in it are told as one. */
function compiledFor(deps: AdminDeps, given: string | undefined): CompiledPolicy {
  if (given === undefined) return deps.policy.compiled();
  const { compiled, report } = compileText(given, networkFacts(deps.network, deps.clock.now()), '');
  if (compiled !== undefined) return compiled;
  const [first] = report.all.filter(({ severity }) => severity === 'error');
  throw new RhumbError(
    'bad-argument',
    `the policy has errors: line ${first?.range.start.line ?? 1}: ${first?.message ?? 'not understood'}`,
  );
}

function pairsOf(compiled: CompiledPolicy): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (const machine of compiled.machines)
    for (const other of compiled.reachedFrom(machine)) pairs.add(`${machine.name} -> ${other.name}`);
  return pairs;
}

/** Only where comparing all pairs is a matter of moments. */
const MAX_COMPARED_MACHINES = 1_000;

function compareReach(deps: AdminDeps, from: string, to: string) {
  const nothingCompared = { gained: null, lost: null };
  const network = networkFacts(deps.network, deps.clock.now());
  if (network.nodes.length > MAX_COMPARED_MACHINES) return nothingCompared;
  const [was, is] = [from, to].map((one) => compileText(one, network, '').compiled);
  if (was === undefined || is === undefined) return nothingCompared;
  const [before, after] = [pairsOf(was), pairsOf(is)];
  return {
    gained: [...after].filter((pair) => !before.has(pair)).slice(0, MAX_PAIRS),
    lost: [...before].filter((pair) => !after.has(pair)).slice(0, MAX_PAIRS),
  };
}

function protoOf(given: string | undefined): number | undefined {
  const proto = given === undefined || given === '' ? undefined : parseProtocol(given);
  if (typeof proto === 'object') throw new RhumbError('bad-argument', `proto: ${proto.why}`);
  return proto;
}

export const policyCalls = {
  'policy.get': defineCall({
    arg: nothing,
    scope: 'policy_file:read',
    run: async ({ policy }) => currentJson(policy, sha256('')),
  }),
  'policy.check': defineCall({
    arg: z.strictObject({ text }),
    scope: 'policy_file:read',
    run: async ({ policy }, arg, by) => judgementJson(policy.judge(arg.text, by.userId)),
  }),
  'policy.set': defineCall({
    arg: z.strictObject({ text, ...changing }),
    scope: 'policy_file',
    run: async (deps, arg, by) => set(deps, arg.text, arg, by),
  }),
  'policy.rollback': defineCall({
    arg: z.strictObject({ version, ...changing }),
    scope: 'policy_file',
    run: async (deps, arg, by) => {
      const { id, text: old } = deps.policy.version(arg.version);
      return set(deps, old, { ...arg, comment: arg.comment ?? `back to version ${id}` }, by);
    },
  }),
  'policy.history': defineCall({
    arg: z.strictObject({ limit: z.int().min(1).max(MAX_HISTORY).optional() }),
    scope: 'policy_file:read',
    run: async ({ policy }, { limit }): Promise<readonly VersionJson[]> =>
      policy.versions.slice(0, limit ?? MAX_HISTORY).map((one) => versionJson(one, policy.active)),
  }),
  'policy.version': defineCall({
    arg: z.strictObject({ version }),
    scope: 'policy_file:read',
    run: async ({ policy }, arg) => {
      const record = policy.version(arg.version);
      return { ...versionJson(record, policy.active), text: record.text };
    },
  }),
  'policy.diff': defineCall({
    arg: z.strictObject({ from: version.optional(), to: version.optional(), text: text.optional() }),
    scope: 'policy_file:read',
    run: async (deps, arg) => {
      const [from, to] = [textOf(deps, arg.from, undefined), textOf(deps, arg.to, arg.text)];
      const name = (id: number | undefined, other: string): string =>
        id === undefined ? other : `version ${id}`;
      const patch = createTwoFilesPatch(
        name(arg.from, 'in force'),
        name(arg.to, arg.text === undefined ? 'in force' : 'new'),
        from,
        to,
      );
      return { same: from === to, patch: from === to ? '' : patch, ...compareReach(deps, from, to) };
    },
  }),
  'policy.explain': defineCall({
    arg: z.strictObject({
      src: place,
      dst: place,
      proto: z.string().max(16).optional(),
      text: text.optional(),
    }),
    scope: 'policy_file:read',
    run: async (deps, { src, dst, proto, text: given }) => {
      const compiled = compiledFor(deps, given);
      const found = explain(compiled, { src, dst, proto: protoOf(proto) });
      const reasons = [...waitingFor(deps.network, src), ...waitingFor(deps.network, dst), ...found.reasons];
      return explainJson({ ...found, reasons }, given ?? deps.policy.active?.text ?? '');
    },
  }),
  'policy.preview': defineCall({
    arg: z.strictObject({ type: z.enum(['user', 'ipport']), for: place, text: text.optional() }),
    scope: 'policy_file:read',
    run: async (deps, { type, for: of, text: given }) =>
      previewJson(preview(compiledFor(deps, given), type, of), given ?? deps.policy.active?.text ?? ''),
  }),
  'policy.reach': defineCall({
    arg: z.strictObject({
      nodes: z.array(z.int().min(1)).max(1_000).optional(),
      limit: z.int().min(1).max(MAX_EDGES).optional(),
      text: text.optional(),
    }),
    scope: 'policy_file:read',
    run: async (deps, { nodes, limit, text: given }) =>
      reachJson(
        compiledFor(deps, given),
        nodes === undefined ? undefined : new Set(nodes),
        limit ?? MAX_EDGES,
      ),
  }),
  'policy.warnings': defineCall({
    arg: nothing,
    scope: 'policy_file:read',
    run: async ({ policy }) => {
      const { errors, warnings } = policy.judge(policy.newest?.text ?? '', undefined);
      return { problem: policy.problem ?? null, diagnostics: [...errors, ...warnings].map(diagnosticJson) };
    },
  }),
};
