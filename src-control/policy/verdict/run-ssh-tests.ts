/** Runs the policy's SSH tests against the compiled SSH policy of each destination (policy.md §13.2). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { Machine } from '../compile/network.ts';
import type { WireSshRule } from '../compile/ssh.ts';
import type { SshTest, Word } from '../language/ast.ts';
import { TESTS_FAILED } from '../language/read-ssh.ts';
import { addrText, isEmpty } from '../sets/ranges.ts';
import type { Report } from '../text/diagnostic.ts';
import type { Place } from '../text/tree.ts';

type Assertion = 'accept' | 'deny' | 'check';
interface Failure {
  readonly line: string;
  readonly at: Place;
}

export function runSshTests(compiled: CompiledPolicy, report: Report): void {
  for (const test of compiled.ast.sshTests)
    for (const { line, at } of failuresOf(test, compiled))
      report.error('tests-failed', `${TESTS_FAILED}${line}`, at);
}

function* failuresOf(test: SshTest, compiled: CompiledPolicy): Generator<Failure> {
  const { resolver } = compiled;
  const src = test.src.selector.text;
  if (isEmpty(resolver.setOf(test.src.selector))) {
    yield { line: `${src}: source ${JSON.stringify(src)} resolved to no IP addresses`, at: test.src.at };
    return;
  }
  if (test.accept.length + test.deny.length + test.check.length === 0) {
    yield { line: `${src}: no accept, deny, or check assertions specified`, at: test.at };
    return;
  }
  const sources = resolver.machinesOf(test.src.selector);
  const seen = new Set<string>();
  for (const use of test.dst) {
    const pairs = pairsOf(use.selector.text === 'autogroup:self', sources, () =>
      resolver.machinesOf(use.selector),
    );
    if (pairs.length === 0)
      yield {
        line: `${src}: dst alias ${JSON.stringify(use.selector.text)} resolved to no nodes`,
        at: use.at,
      };
    for (const [destination, from] of pairs) {
      const key = `${destination.index}/${from.map(({ index }) => index).join()}`;
      if (!seen.has(key)) yield* assertionsOf(test, src, destination, from, compiled);
      seen.add(key);
    }
  }
}

/** Each destination with the sources that must agree about it; `autogroup:self` per owner. */
function pairsOf(
  isSelf: boolean,
  sources: readonly Machine[],
  destinations: () => readonly Machine[],
): (readonly [Machine, readonly Machine[]])[] {
  if (!isSelf) return destinations().map((machine) => [machine, sources] as const);
  const owned = sources.filter(({ isTagged, userId }) => !isTagged && userId !== undefined);
  return owned.map((machine) => [machine, owned.filter(({ userId }) => userId === machine.userId)] as const);
}

function* assertionsOf(
  test: SshTest,
  src: string,
  destination: Machine,
  sources: readonly Machine[],
  compiled: CompiledPolicy,
): Generator<Failure> {
  const rules = compiled.sshRulesOf(destination) ?? [];
  const addrs = sources.flatMap((machine) => machine.addrs.map(addrText));
  const groups: readonly (readonly [Assertion, readonly Word[]])[] = [
    ['accept', test.accept],
    ['deny', test.deny],
    ['check', test.check],
  ];
  for (const [assertion, logins] of groups) {
    for (const { text, at } of logins) {
      const wrong = addrs
        .map((addr) => wrongBecause(assertion, rules, addr, text))
        .find((why) => why !== undefined);
      const shown = text === '' ? '""' : text;
      if (wrong !== undefined) yield { line: `${src}/${shown} -> ${destination.hostname}: ${wrong}`, at };
    }
  }
}

/** Whether a rule's map of logins lets `login` in; root only where it is named. */
export const mapsLogin = (users: Readonly<Record<string, string>>, login: string): boolean => {
  if (login === '') return false;
  if (Object.hasOwn(users, login)) return users[login] !== '';
  return login !== 'root' && (users['*'] ?? '') !== '';
};

function wrongBecause(
  assertion: Assertion,
  rules: readonly WireSshRule[],
  addr: string,
  login: string,
): string | undefined {
  const rule = rules.find(
    ({ principals, sshUsers }) =>
      principals.some(({ nodeIP }) => nodeIP === addr) && mapsLogin(sshUsers, login),
  );
  const isIn = rule !== undefined && rule.action.reject !== true;
  const isCheck = isIn && rule.action.holdAndDelegate !== undefined;
  if (assertion === 'deny') return isIn ? 'expected DENIED, got ALLOWED' : undefined;
  if (assertion === 'accept') return isIn ? undefined : 'expected ALLOWED, got DENIED';
  if (isCheck) return undefined;
  return `expected ALLOWED via check, got ${isIn ? 'ALLOWED via accept' : 'DENIED'}`;
}
