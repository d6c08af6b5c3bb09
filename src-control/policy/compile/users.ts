/** Which person a word of the policy means (policy.md §3.3, §5.3, §14.4). */
import type { PolicyAst } from '../language/ast.ts';
import { PROVIDER_GROUP } from '../language/read-tables.ts';
import type { PolicyUser } from './network.ts';

export type FoundUser =
  | { readonly kind: 'one'; readonly user: PolicyUser }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly users: readonly PolicyUser[] };

/** The people whom user, group and role selectors stand for. */
export class Directory {
  readonly #ast: PolicyAst;
  readonly #users: readonly PolicyUser[];
  readonly #byProvider = new Map<string, PolicyUser>();
  /** By name and by e-mail; somebody whose name is the e-mail is there once. */
  readonly #byWord = new Map<string, PolicyUser[]>();
  readonly #groups = new Map<string, ReadonlySet<number>>();

  constructor(ast: PolicyAst, users: readonly PolicyUser[]) {
    this.#ast = ast;
    this.#users = users;
    for (const user of users) {
      if (user.providerId !== '' && !this.#byProvider.has(user.providerId))
        this.#byProvider.set(user.providerId, user);
      for (const word of new Set([user.name, user.email])) {
        const known = this.#byWord.get(word);
        if (known !== undefined) known.push(user);
        else if (word !== '') this.#byWord.set(word, [user]);
      }
    }
  }

  /** By the provider's identifier, else by e-mail or name; a trailing `@` marks a plain name. */
  user(token: string): FoundUser {
    const byProvider = this.#byProvider.get(token);
    if (byProvider !== undefined) return { kind: 'one', user: byProvider };
    const found = this.#byWord.get(token.replace(/@$/, '')) ?? [];
    const [first] = found;
    if (first === undefined) return { kind: 'none' };
    return found.length === 1 ? { kind: 'one', user: first } : { kind: 'several', users: found };
  }

  group(name: string): ReadonlySet<number> {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
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
    this.#groups.set(name, ids);
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
