/** Reading trees into types: fields by name, wrong types and unknown names told with their place (policy.md §1, §2). */
import type { Report } from '../text/diagnostic.ts';
import { suggestion } from '../text/suggest.ts';
import { type Member, nounOf, type ObjectTree, type Place, type Tree } from '../text/tree.ts';
import type { Declared, SelectorUse, Table, Word } from './ast.ts';
import { parseSelector } from './selector.ts';

export interface Shape {
  readonly fields: readonly string[];
  /** Older name to the one that is written today. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Names with `#` in front hold what editors store for themselves. */
  readonly hasComments?: boolean;
}

export type Fields = ReadonlyMap<string, Member>;

/** A list can't be a way to keep the server busy. */
const MAX_ITEMS = 100_000;

export class Reader {
  readonly report: Report;

  constructor(report: Report) {
    this.report = report;
  }

  object(tree: Tree, what: string): ObjectTree | undefined {
    return tree.kind === 'object' ? tree : this.#wrong(tree, what, 'an object');
  }

  #wrong(tree: Tree, what: string, wanted: string): undefined {
    this.report.error('wrong-type', `${what} must be ${wanted}, not ${nounOf(tree)}`, tree);
    return undefined;
  }

  /** Known fields by their canonical names; `null` is as good as absent. */
  fields(tree: Tree, what: string, shape: Shape): Fields | undefined {
    const object = this.object(tree, what);
    if (object === undefined) return undefined;
    const canonical = new Map(shape.fields.map((name) => [name.toLowerCase(), name]));
    const aliases = new Map(Object.entries(shape.aliases ?? {}));
    const found = new Map<string, Member>();
    for (const member of object.members) {
      const written = member.key.value;
      if (shape.hasComments === true && written.startsWith('#')) continue;
      const replaced = aliases.get(written.toLowerCase());
      const name = replaced ?? canonical.get(written.toLowerCase());
      if (name === undefined) {
        const hint = suggestion(written, shape.fields);
        this.report.error('unknown-field', `unknown field: ${JSON.stringify(written)}${hint}`, member.key);
        continue;
      }
      const earlier = found.get(name);
      if (earlier !== undefined) this.#twice(earlier, member, name);
      else found.set(name, member);
      if (replaced !== undefined)
        this.report.warn('deprecated-alias', `"${written}" is an old name: write "${name}"`, member.key);
    }
    for (const [name, { value }] of found) if (value.kind === 'null') found.delete(name);
    return found;
  }

  #twice(earlier: Member, member: Member, name: string): void {
    const [first, second] = [earlier.key.value, member.key.value];
    const message =
      first.toLowerCase() === second.toLowerCase()
        ? `duplicate field: ${JSON.stringify(second)}: ${JSON.stringify(name)} is there already`
        : `${JSON.stringify(first)} and ${JSON.stringify(second)} are two names of one field: keep ${JSON.stringify(name)}`;
    this.report.error('duplicate-key', message, member.key);
  }

  string(tree: Tree, what: string): string | undefined {
    return tree.kind === 'string' ? tree.value : this.#wrong(tree, what, 'a string');
  }

  boolean(member: Member | undefined, what: string): boolean {
    if (member === undefined) return false;
    if (member.value.kind === 'boolean') return member.value.value;
    this.#wrong(member.value, what, 'true or false');
    return false;
  }

  array(member: Member | undefined, what: string): readonly Tree[] {
    if (member === undefined) return [];
    const { value } = member;
    if (value.kind !== 'array') {
      this.#wrong(value, what, 'an array');
      return [];
    }
    if (value.items.length > MAX_ITEMS)
      this.report.error('too-long', `${what} has more than ${MAX_ITEMS} entries`, value);
    return value.items.slice(0, MAX_ITEMS);
  }

  /** Blanks around a word are no part of it. */
  words(member: Member | undefined, what: string): readonly Word[] {
    return this.array(member, what).flatMap((item) => {
      const text = this.string(item, `each entry of ${what}`);
      return text === undefined ? [] : [{ text: text.trim(), at: item }];
    });
  }

  selector(text: string, at: Place): SelectorUse | undefined {
    const selector = parseSelector(text);
    if (typeof selector === 'string') {
      this.report.error('selector', selector, at);
      return undefined;
    }
    if (selector.kind === 'prefix' && selector.isMasked)
      this.report.warn(
        'host-bits-set',
        `${selector.text} has host bits set: it means ${selector.cidr.text}`,
        at,
      );
    return { selector, at };
  }

  selectors(member: Member | undefined, what: string): readonly SelectorUse[] {
    return this.words(member, what).flatMap(({ text, at }) => this.selector(text, at) ?? []);
  }

  /** A map whose names the author chose: they are case-sensitive, and a second one of a name is an error. */
  table<T>(
    member: Member | undefined,
    what: string,
    read: (value: Tree, key: Member['key']) => T | undefined,
  ): Table<T> {
    const out = new Map<string, Declared<T>>();
    const object = member === undefined ? undefined : this.object(member.value, what);
    for (const { key, value } of object?.members ?? []) {
      if (out.has(key.value)) {
        this.report.error('duplicate-key', `duplicate name in ${what}: ${JSON.stringify(key.value)}`, key);
        continue;
      }
      const read1 = read(value, key);
      if (read1 !== undefined) out.set(key.value, { keyAt: key, value: read1 });
    }
    return out;
  }
}
