/** Which sources may reach which destinations by SSH (policy.md §11.3). */
import type { SelectorUse, SshRule } from './ast.ts';
import type { Checker } from './check.ts';

interface Sources {
  readonly hasTags: boolean;
  /** The one user that is all there is, else undefined. */
  readonly onlyUser: string | undefined;
}

function sourcesOf(src: readonly SelectorUse[]): Sources {
  const users = new Set(
    src.filter(({ selector }) => selector.kind === 'user').map(({ selector }) => selector.text),
  );
  const [only] = users;
  return {
    hasTags: src.some(({ selector: { kind, text } }) => kind === 'tag' || text === 'autogroup:tagged'),
    onlyUser: users.size === 1 && src.every(({ selector }) => selector.kind === 'user') ? only : undefined,
  };
}

/** The first combination that is not allowed: code and text. */
function combination(sources: Sources, dst: readonly SelectorUse[]): readonly [string, string] | undefined {
  for (const { selector } of dst) {
    if (selector.kind === 'user') {
      if (sources.hasTags)
        return [
          'ssh-tag-to-user',
          `tags in SSH source cannot access user-owned devices (${selector.text}); use autogroup:tagged or specific tags as destinations instead`,
        ];
      if (sources.onlyUser !== selector.text)
        return [
          'ssh-user-same',
          `user destination requires source to contain only that same user "${selector.text}"; use autogroup:self instead for same-user SSH access`,
        ];
    }
    if (sources.hasTags && selector.text === 'autogroup:self')
      return [
        'ssh-self-tag',
        'autogroup:self destination requires source to contain only users or groups, not tags or autogroup:tagged',
      ];
    if (sources.hasTags && selector.text === 'autogroup:member')
      return ['ssh-tag-member', 'tags in SSH source cannot access autogroup:member (user-owned devices)'];
  }
  return undefined;
}

const LOCALPART = 'localpart:';

export function checkSshRule(checker: Checker, rule: SshRule): void {
  for (const use of rule.src) checker.use(use, 'ssh-src');
  for (const use of rule.dst) checker.use(use, 'ssh-dst');
  const wrong = combination(sourcesOf(rule.src), rule.dst);
  if (wrong !== undefined) checker.report.error(wrong[0], wrong[1], rule.at);
  for (const { text, at } of rule.recorder)
    if (text.startsWith('tag:')) checker.tag(text, at, 'tag not found: ');
    else checker.report.error('ssh-recorder', `recorder must be a tag: ${JSON.stringify(text)}`, at);
  for (const { text, at } of rule.users)
    if (text.startsWith(LOCALPART) && localpartDomain(text) === undefined)
      checker.report.warn(
        'ssh-localpart',
        `${JSON.stringify(text)} is taken as a login name: did you mean localpart:*@example.com?`,
        at,
      );
  checker.postures(rule.srcPosture);
}

/** The domain of `localpart:*@domain`, undefined when it is not of that form. */
export function localpartDomain(text: string): string | undefined {
  const match = /^localpart:\*@([^@*\s]+)$/.exec(text);
  return match?.[1];
}

/** What only looks like one is a login of that name. */
export const isLocalpart = (text: string): boolean => localpartDomain(text) !== undefined;
