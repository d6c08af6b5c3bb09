/** Which person a word of the policy means (policy.md §3.3, §5.3, §14.4). */
import type { PolicyAst } from '../language/ast.ts';
import { PROVIDER_GROUP } from '../language/read-tables.ts';
import type { PolicyUser } from './network.ts';

export type FoundUser =
  | { readonly kind: 'one'; readonly user: PolicyUser }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly users: readonly PolicyUser[] };

/** By the provider's identifier, else by e-mail or name; a trailing `@` marks a plain name. */
export function findUser(users: readonly PolicyUser[], token: string): FoundUser {
  const byProvider = users.find((user) => user.providerId !== '' && user.providerId === token);
  if (byProvider !== undefined) return { kind: 'one', user: byProvider };
  const bare = token.replace(/@$/, '');
  const found = users.filter((user) => user.name === bare || (user.email !== '' && user.email === bare));
  const [first] = found;
  if (first === undefined) return { kind: 'none' };
  return found.length === 1 ? { kind: 'one', user: first } : { kind: 'several', users: found };
}

/** The people whom user, group and role selectors stand for. */
export class Directory {
  readonly #ast: PolicyAst;
  readonly #users: readonly PolicyUser[];
  readonly #found = new Map<string, FoundUser>();

  constructor(ast: PolicyAst, users: readonly PolicyUser[]) {
    this.#ast = ast;
    this.#users = users;
  }

  user(token: string): FoundUser {
    const known = this.#found.get(token);
    if (known !== undefined) return known;
    const found = findUser(this.#users, token);
    this.#found.set(token, found);
    return found;
  }

  group(name: string): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const { text } of this.#ast.groups.get(name)?.value ?? []) {
      if (text.startsWith(PROVIDER_GROUP)) {
        const claim = text.slice(PROVIDER_GROUP.length);
        for (const user of this.#users) if (user.providerGroups.includes(claim)) ids.add(user.id);
      } else {
        const found = this.user(text.trim());
        if (found.kind === 'one') ids.add(found.user.id);
      }
    }
    return ids;
  }

  /** `autogroup:admin` and the like. */
  role(autogroup: string): ReadonlySet<number> {
    const role = autogroup.replace('autogroup:', '');
    return new Set(this.#users.filter((user) => user.roles.includes(role)).map((user) => user.id));
  }

  get all(): readonly PolicyUser[] {
    return this.#users;
  }
}
