/** The syntax tree of a policy file: every value with its place in the text and its JSON pointer. */
import type { Span } from './position.ts';

interface Base extends Span {
  /** RFC 6901: `/acls/2/dst/1`. */
  readonly pointer: string;
}

export interface StringTree extends Base {
  readonly kind: 'string';
  readonly value: string;
}

export interface NumberTree extends Base {
  readonly kind: 'number';
  readonly value: number;
}

export interface BooleanTree extends Base {
  readonly kind: 'boolean';
  readonly value: boolean;
}

export interface NullTree extends Base {
  readonly kind: 'null';
}

export interface ArrayTree extends Base {
  readonly kind: 'array';
  readonly items: Tree[];
}

export interface Member {
  readonly key: StringTree;
  readonly value: Tree;
}

export interface ObjectTree extends Base {
  readonly kind: 'object';
  readonly members: Member[];
}

export type Tree = StringTree | NumberTree | BooleanTree | NullTree | ArrayTree | ObjectTree;

/** A place to point at: a value, a key, or anything made from one. */
export type Place = Span & { readonly pointer: string };

const NOUNS: Readonly<Record<Tree['kind'], string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
  array: 'an array',
  object: 'an object',
};
export const nounOf = (tree: Tree): string => NOUNS[tree.kind];

/** Plain JSON, for values that are passed on as they are. The depth is bounded by the parser. */
export function toJson(tree: Tree): unknown {
  switch (tree.kind) {
    case 'array':
      return tree.items.map(toJson);
    case 'object':
      return Object.fromEntries(tree.members.map(({ key, value }) => [key.value, toJson(value)]));
    case 'null':
      return null;
    case 'string':
    case 'number':
    case 'boolean':
      return tree.value;
  }
}
