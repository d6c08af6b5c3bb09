/** What `tests` and `sshTests` may be about (policy.md §13, §6.3). */
import { isSingle } from '../sets/ranges.ts';
import type { DestinationUse, PolicyTest, SelectorUse, SshTest } from './ast.ts';
import type { Checker } from './check.ts';

/** More than one address, whether written or behind a name. */
function isNetwork(checker: Checker, { selector }: SelectorUse): boolean {
  if (selector.kind === 'prefix') return selector.hasLength;
  const host = selector.kind === 'host' ? checker.ast.hosts.get(selector.text)?.value : undefined;
  return host !== undefined && !isSingle(host);
}

function checkDestination(checker: Checker, use: DestinationUse): void {
  const { report } = checker;
  if (!checker.use(use, 'test-dst')) return;
  const [ports] = use.ports;
  if (use.ports.length !== 1 || ports?.First !== ports?.Last)
    report.error('test-multiport', `${use.text}: test destination port must be a single port`, use.at);
  if (isNetwork(checker, use))
    report.error(
      'test-cidr',
      `${use.text}: test destination must be a single host, not a CIDR range`,
      use.at,
    );
}

export function checkTest(checker: Checker, test: PolicyTest): void {
  checker.use(test.src, 'test-src');
  for (const use of [...test.accept, ...test.deny]) checkDestination(checker, use);
}

export function checkSshTest(checker: Checker, test: SshTest): void {
  const { report } = checker;
  checker.use(test.src, 'sshtest-src');
  for (const use of test.dst) {
    const { selector, at } = use;
    if (selector.kind === 'tag') {
      if (!checker.ast.tagOwners.has(selector.text))
        report.error(
          'sshtest-tag',
          `SSH tests dst contains unknown tag ${JSON.stringify(selector.text)}`,
          at,
        );
      continue;
    }
    const isWide = selector.kind === 'prefix' ? !isSingle(selector.cidr) : isNetwork(checker, use);
    if (isWide)
      report.error(
        'sshtest-element',
        `SSH tests dst contains disallowed element ${JSON.stringify(selector.text)}`,
        at,
      );
    else checker.use(use, 'sshtest-dst');
  }
}
