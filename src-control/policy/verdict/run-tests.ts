/** Runs the policy's own tests: one that fails blocks the policy (policy.md §13.1). */
import { CompiledPolicy } from '../compile/compiled.ts';
import { viaRules } from '../compile/compiled-grants.ts';
import type { PolicyNetwork } from '../compile/network.ts';
import type { PostureMode } from '../compile/resolver.ts';
import { ALLOW_ALL, type Rule } from '../compile/rules.ts';
import type { DestinationUse, PolicyAst, PolicyTest } from '../language/ast.ts';
import { TESTS_FAILED } from '../language/read-ssh.ts';
import { cidrsOf, isEmpty } from '../sets/ranges.ts';
import type { Report } from '../text/diagnostic.ts';
import type { Place } from '../text/tree.ts';
import { allowingRule, allows, DEFAULT_PROTOS } from './reach.ts';

/** Compiles only as often as tests see postures differently. */
class Sandbox {
  readonly #ast: PolicyAst;
  readonly #network: PolicyNetwork;
  readonly #modes = new Map<PostureMode, { compiled: CompiledPolicy; rules: readonly Rule[] }>();

  constructor(ast: PolicyAst, network: PolicyNetwork) {
    this.#ast = ast;
    this.#network = network;
  }

  in(postures: PostureMode): { compiled: CompiledPolicy; rules: readonly Rule[] } {
    const known = this.#modes.get(postures);
    if (known !== undefined) return known;
    const compiled = new CompiledPolicy(this.#ast, this.#network, { serverUrl: '', postures });
    const made = { compiled, rules: [...allRules(compiled)] };
    this.#modes.set(postures, made);
    return made;
  }
}

/** Rules of the whole network, with those that belong to owners and to holders of `via` tags. */
export function* allRules(compiled: CompiledPolicy): Generator<Rule> {
  if (!compiled.ast.hasRules) yield ALLOW_ALL;
  for (const grant of compiled.grants) {
    yield* grant.rules;
    if (grant.grant.hasSelf) for (const owner of compiled.resolver.owners) yield* grant.selfRules(owner);
    const holders = new Set(grant.via?.tags.flatMap((tag) => compiled.resolver.tagged(tag)));
    for (const holder of holders) yield* viaRules(grant, holder);
  }
}

interface Failure {
  readonly line: string;
  readonly at: Place;
}

export function runTests(ast: PolicyAst, network: PolicyNetwork, report: Report): void {
  const sandbox = new Sandbox(ast, network);
  for (const test of ast.tests)
    for (const { line, at } of failuresOf(test, sandbox, report))
      report.error('tests-failed', `${TESTS_FAILED}${line}`, at);
}

function* failuresOf(test: PolicyTest, sandbox: Sandbox, report: Report): Generator<Failure> {
  const src = test.src.selector.text;
  const suffix = test.protoText === '' ? '' : ` (${test.protoText})`;
  const { compiled } = sandbox.in('assume-true');
  if (isEmpty(compiled.resolver.setOf(test.src.selector))) {
    yield {
      line: `${src}${suffix}: source ${JSON.stringify(src)} resolved to no IP addresses`,
      at: test.src.at,
    };
    return;
  }
  for (const use of test.accept) yield* failureOf(test, use, true, sandbox, report);
  for (const use of test.deny) yield* failureOf(test, use, false, sandbox, report);
}

function* failureOf(
  test: PolicyTest,
  use: DestinationUse,
  wanted: boolean,
  sandbox: Sandbox,
  report: Report,
): Generator<Failure> {
  const src = test.src.selector.text;
  const suffix = test.protoText === '' ? '' : ` (${test.protoText})`;
  // Without given attributes the worst case counts: a posture fails what must pass, and passes what must fail.
  const { rules, compiled } = sandbox.in(test.attributes ?? (wanted ? 'assume-false' : 'assume-true'));
  const outcome = judge(test, use, rules, compiled);
  const [hoped, got] = wanted ? ['ALLOWED', 'DENIED'] : ['DENIED', 'ALLOWED'];
  if (typeof outcome === 'string') {
    yield { line: `${src}${suffix}: ${outcome}`, at: use.at };
  } else if (outcome.isAllowed !== wanted) {
    yield { line: `${src} -> ${use.text}${suffix}: expected ${hoped}, got ${got}`, at: use.at };
  } else if (outcome.isPartial) {
    const line = `${src} -> ${use.text}: only some of the source's addresses may reach it`;
    report.warn('test-partial', line, use.at);
  }
}

/** Every prefix of the source must get through; a part of them is "not allowed". */
function judge(
  test: PolicyTest,
  use: DestinationUse,
  rules: readonly Rule[],
  { resolver }: CompiledPolicy,
): { isAllowed: boolean; isPartial: boolean } | string {
  const destination = resolver.setOf(use.selector);
  if (isEmpty(destination))
    return `error testing ${JSON.stringify(use.text)}: destination resolved to no IP addresses`;
  const [ports] = use.ports;
  const protos = test.proto === undefined ? DEFAULT_PROTOS : [test.proto];
  const question = { destination, port: ports?.First ?? 0, protos };
  // What a rule leads to is asked once: a group's thousands of addresses all ask about the same destination.
  const leading = rules.filter((rule) => rule.kind === 'ports' && allows(rule, question));
  const through = cidrsOf(resolver.setOf(test.src.selector)).map(
    (source) => allowingRule(leading, source, question) !== undefined,
  );
  const isAllowed = through.every(Boolean);
  return { isAllowed, isPartial: !isAllowed && through.some(Boolean) };
}
