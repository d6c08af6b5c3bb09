/** A text for the `ssh` section of a policy, the same while the section means the same. */
import { createHash } from 'node:crypto';
import type { PolicyAst } from '../language/ast.ts';

const known = new WeakMap<PolicyAst, string>();

export function sshVersionOf(ast: PolicyAst): string {
  const found = known.get(ast);
  if (found !== undefined) return found;
  // Places move when other sections are edited; they mean nothing.
  const text = JSON.stringify(ast.ssh ?? null, (key, value: unknown) =>
    key === 'at' ? undefined : typeof value === 'bigint' ? String(value) : value,
  );
  const made = createHash('sha256').update(text).digest('hex').slice(0, 16);
  known.set(ast, made);
  return made;
}
