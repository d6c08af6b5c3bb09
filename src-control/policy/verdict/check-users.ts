/** Names of people against the people there are: unknown ones are warned of, ambiguous ones refused (policy.md §3.3). */

import type { PolicyUser } from '../compile/network.ts';
import { Directory } from '../compile/users.ts';
import type { PolicyAst, SelectorUse, Word } from '../language/ast.ts';
import { PROVIDER_GROUP } from '../language/read-tables.ts';
import type { Report } from '../text/diagnostic.ts';

function* selectorsIn(ast: PolicyAst): Generator<SelectorUse> {
  for (const rule of [...ast.acls, ...ast.grants, ...(ast.ssh ?? [])]) yield* [...rule.src, ...rule.dst];
  for (const { value } of ast.tagOwners.values()) yield* value;
  for (const { target } of ast.nodeAttrs) yield* target;
  const { routes, exitNode, services } = ast.autoApprovers;
  for (const { approvers } of [...routes, ...services]) yield* approvers;
  yield* exitNode;
  for (const { src, accept, deny } of ast.tests) yield* [src, ...accept, ...deny];
  for (const { src, dst } of ast.sshTests) yield* [src, ...dst];
}

function* usersIn(ast: PolicyAst): Generator<Word> {
  for (const { selector, at } of selectorsIn(ast))
    if (selector.kind === 'user') yield { text: selector.text, at };
  for (const { value } of ast.groups.values())
    for (const { text, at } of value) if (!text.startsWith(PROVIDER_GROUP)) yield { text: text.trim(), at };
}

export function checkUsers(ast: PolicyAst, users: readonly PolicyUser[], report: Report): void {
  const directory = new Directory(ast, users);
  for (const { text, at } of usersIn(ast)) {
    const found = directory.user(text);
    const shown = JSON.stringify(text);
    if (found.kind === 'none') {
      report.warn(
        'unresolved-user',
        `user not found: ${shown}: it stands for nobody until such a user signs in`,
        at,
      );
    } else if (found.kind === 'several') {
      const candidates = found.users.map(
        ({ id, name, email }) => `${name} (id ${id}${email === '' ? '' : `, ${email}`})`,
      );
      report.error('user-ambiguous', `multiple users found: ${shown} may be ${candidates.join(' or ')}`, at);
    }
  }
}
