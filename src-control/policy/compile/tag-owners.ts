/** Who may give a tag to a machine (policy.md §5.5, §14.1). */
import type { PolicyAst, SelectorUse } from '../language/ast.ts';
import { type Identity, names } from './names.ts';
import type { Directory } from './users.ts';

/** Owners of a tag, with those of every tag that owns it; the edge that would close a circle is dropped. */
export function ownersOf(ast: PolicyAst, tag: string): readonly SelectorUse[] {
  const seen = new Set<string>([tag]);
  const owners: SelectorUse[] = [];
  for (const name of seen) {
    for (const use of ast.tagOwners.get(name)?.value ?? []) {
      owners.push(use);
      if (use.selector.kind === 'tag') seen.add(use.selector.text);
    }
  }
  return owners;
}

/** Of the wanted tags those that neither the user owns nor one of the tags that are held already. */
export function refusedTags(
  ast: PolicyAst,
  directory: Directory,
  { userId, tags: held }: Identity,
  wanted: readonly string[],
): readonly string[] {
  const user: Identity = { userId, tags: [] };
  return wanted.filter((tag) => {
    if (!ast.tagOwners.has(tag)) return true;
    if (held.includes(tag)) return false;
    return !ownersOf(ast, tag).some(({ selector }) =>
      selector.kind === 'tag'
        ? held.includes(selector.text)
        : userId !== undefined && names(directory, selector, user),
    );
  });
}
