/** Conditions of postures: `node:os IN ['macos', 'linux']` (policy.md §5.7). */

export type Literal = string | number | boolean;

export type Condition =
  | { readonly kind: 'compare'; readonly attribute: string; readonly op: CompareOp; readonly value: Literal }
  | {
      readonly kind: 'in';
      readonly attribute: string;
      readonly isNegated: boolean;
      readonly values: readonly Literal[];
    }
  | { readonly kind: 'set'; readonly attribute: string; readonly isNegated: boolean };
export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>=';

export type AttributeType = 'string' | 'bool' | 'number';

const TOKEN =
  /\s*(?:(==|!=|<=|>=|<|>)|(IN|NOT|IS|SET)(?![\w:])|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)(?![\w.])|(true|false)(?![\w:])|([a-zA-Z]+:[\w.-]+)|([[\],]))/y;

type Token =
  | { readonly kind: 'op' | 'word' | 'attribute' | 'mark'; readonly text: string }
  | { readonly kind: 'literal'; readonly text: string; readonly value: Literal };

const unquote = (text: string): string => text.slice(1, -1).replace(/\\(.)/g, '$1');

function tokens(text: string): Token[] | undefined {
  const out: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (match === null) return undefined;
    const [, op, word, quoted, number, bool, attribute, mark] = match;
    if (op !== undefined) out.push({ kind: 'op', text: op });
    else if (word !== undefined) out.push({ kind: 'word', text: word });
    else if (quoted !== undefined) out.push({ kind: 'literal', text: quoted, value: unquote(quoted) });
    else if (number !== undefined) out.push({ kind: 'literal', text: number, value: Number(number) });
    else if (bool !== undefined) out.push({ kind: 'literal', text: bool, value: bool === 'true' });
    else if (attribute !== undefined) out.push({ kind: 'attribute', text: attribute });
    else out.push({ kind: 'mark', text: mark ?? '' });
  }
  return out;
}

function listOf(rest: readonly Token[]): readonly Literal[] | undefined {
  if (rest[0]?.text !== '[' || rest.at(-1)?.text !== ']') return undefined;
  const inner = rest.slice(1, -1);
  const values: Literal[] = [];
  for (const [i, token] of inner.entries()) {
    if (i % 2 === 1 ? token.text !== ',' : token.kind !== 'literal') return undefined;
    if (token.kind === 'literal') values.push(token.value);
  }
  return inner.length % 2 === 1 ? values : undefined;
}

/** The condition, or what to write instead. */
export function parseCondition(text: string): Condition | string {
  const all = tokens(text);
  const [first, second, third] = all ?? [];
  if (all === undefined || first?.kind !== 'attribute') {
    return `invalid condition ${JSON.stringify(text)}: write it as node:os == 'linux', with an attribute, an operator and a value`;
  }
  const attribute = first.text;
  if (second?.kind === 'op' && third?.kind === 'literal' && all.length === 3)
    return { kind: 'compare', attribute, op: second.text as CompareOp, value: third.value };
  const words = all.filter((token) => token.kind === 'word').map((token) => token.text);
  const rest = all.slice(1 + words.length);
  const verb = words.join(' ');
  if ((verb === 'IS SET' || verb === 'NOT SET') && rest.length === 0)
    return { kind: 'set', attribute, isNegated: verb === 'NOT SET' };
  const values = listOf(rest);
  if ((verb === 'IN' || verb === 'NOT IN') && values !== undefined)
    return { kind: 'in', attribute, isNegated: verb === 'NOT IN', values };
  return `invalid condition ${JSON.stringify(text)}: after the attribute write == != < <= > >= with a value, IN [..], NOT IN [..], IS SET or NOT SET`;
}

const VERSIONED = new Set(['node:osVersion', 'node:tsVersion']);

/** Component by component, as numbers; a missing component is 0. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) =>
    text.split(/[.\-+]/).map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const TYPES: Readonly<Record<AttributeType, string>> = {
  string: 'string',
  bool: 'boolean',
  number: 'number',
};

/** Undefined when the two can't be compared. */
function order(attribute: string, actual: Literal, wanted: Literal): number | undefined {
  if (VERSIONED.has(attribute)) return compareVersions(String(actual), String(wanted));
  if (typeof actual !== typeof wanted) return undefined;
  return actual < wanted ? -1 : actual > wanted ? 1 : 0;
}

const OPS: Readonly<Record<CompareOp, (order: number) => boolean>> = {
  '==': (n) => n === 0,
  '!=': (n) => n !== 0,
  '<': (n) => n < 0,
  '<=': (n) => n <= 0,
  '>': (n) => n > 0,
  '>=': (n) => n >= 0,
};

export type Attributes = ReadonlyMap<string, Literal>;
export type AttributeTypes = ReadonlyMap<string, AttributeType>;

/** A missing attribute, or one of another type than declared, holds for nothing but NOT SET: closed, not open. */
export function holds(condition: Condition, attributes: Attributes, types: AttributeTypes): boolean {
  const actual = attributes.get(condition.attribute);
  const declared = types.get(condition.attribute);
  const isThere = actual !== undefined && (declared === undefined || TYPES[declared] === typeof actual);
  if (condition.kind === 'set') return isThere !== condition.isNegated;
  if (!isThere) return false;
  const { attribute } = condition;
  if (condition.kind === 'in')
    return condition.values.some((value) => order(attribute, actual, value) === 0) !== condition.isNegated;
  const n = order(attribute, actual, condition.value);
  return n !== undefined && OPS[condition.op](n);
}
