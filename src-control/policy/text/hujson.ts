/** JSON with comments and trailing commas to a tree: an explicit stack, all errors of a text, bounded depth (policy.md §1). */
import { createScanner } from 'jsonc-parser';
import type { Report } from './diagnostic.ts';
import type { ArrayTree, Member, ObjectTree, StringTree, Tree } from './tree.ts';

export const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 64;

/** The library's token kinds; its enum exists only in types. */
const Token = {
  OpenBrace: 1,
  CloseBrace: 2,
  OpenBracket: 3,
  CloseBracket: 4,
  Comma: 5,
  Colon: 6,
  Null: 7,
  True: 8,
  False: 9,
  String: 10,
  Number: 11,
  LineComment: 12,
  BlockComment: 13,
  LineBreak: 14,
  Blank: 15,
  Unknown: 16,
  End: 17,
} as const;

const SCAN_ERRORS: Readonly<Record<number, string>> = {
  1: 'the comment has no end: write */',
  2: 'the string has no end: write " before the end of the line',
  3: 'the number has no end: write digits after the dot or the exponent',
  4: 'invalid escape: \\u must be followed by four hexadecimal digits',
  5: 'invalid escape in the string: use \\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX',
  6: 'control character in the string: write it as \\n, \\t or \\uXXXX',
};

type Expect = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';

interface Frame {
  readonly tree: ArrayTree | ObjectTree;
  expect: Expect;
  key: StringTree | undefined;
}

interface TokenAt {
  readonly kind: number;
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/** The root of `text`, or undefined for no value at all (or none that could be read: see the report). */
export function parseHujson(text: string, report: Report, maxBytes = MAX_BYTES): Tree | undefined {
  if (Buffer.byteLength(text) > maxBytes) {
    const message = `the file is longer than ${maxBytes} bytes: split it or raise the limit`;
    report.error('too-long', message, { start: 0, end: 0, pointer: '' });
    return undefined;
  }
  return new Parser(text, report).parse();
}

class Parser {
  readonly #report: Report;
  readonly #scanner: ReturnType<typeof createScanner>;
  readonly #stack: Frame[] = [];
  readonly #end: number;
  #root: Tree | undefined;
  #hasEnded = false;

  constructor(text: string, report: Report) {
    this.#report = report;
    this.#scanner = createScanner(text, false);
    this.#end = text.length;
    if (text.startsWith('\ufeff')) this.#scanner.setPosition(1);
  }

  parse(): Tree | undefined {
    while (!this.#hasEnded) {
      const token = this.#next();
      const frame = this.#stack.at(-1);
      if (token.kind === Token.End) return this.#finish(token);
      if (frame === undefined) this.#topLevel(token);
      else if (frame.tree.kind === 'object') this.#inObject(frame, frame.tree, token);
      else this.#inArray(frame, token);
    }
    return this.#root;
  }

  /** The next token that is neither blank nor comment. */
  #next(): TokenAt {
    for (;;) {
      const kind = this.#scanner.scan() as number;
      const start = this.#scanner.getTokenOffset();
      const end = start + this.#scanner.getTokenLength();
      const why = SCAN_ERRORS[this.#scanner.getTokenError() as number];
      if (why !== undefined) this.#fail(why, { start, end: Math.max(end, start + 1) });
      if (kind < Token.LineComment || kind > Token.Blank)
        return { kind, start, end, value: this.#scanner.getTokenValue() };
    }
  }

  #fail(message: string, span: { start: number; end: number }): void {
    const place = { start: span.start, end: Math.min(span.end, this.#end), pointer: this.#pointer() };
    this.#report.error('syntax', message, place);
  }

  /** Where the next value goes. */
  #pointer(): string {
    const frame = this.#stack.at(-1);
    if (frame === undefined) return '';
    const last =
      frame.tree.kind === 'array'
        ? String(frame.tree.items.length)
        : (frame.key?.value ?? '').replaceAll('~', '~0').replaceAll('/', '~1');
    return `${frame.tree.pointer}/${last}`;
  }

  #finish(token: TokenAt): Tree | undefined {
    const open = this.#stack.at(-1);
    if (open !== undefined) {
      const [what, close] = open.tree.kind === 'array' ? ['array', ']'] : ['object', '}'];
      this.#fail(`the ${what} has no end: missing ${close}`, token);
    }
    return this.#root;
  }

  #topLevel(token: TokenAt): void {
    if (this.#root === undefined) {
      const value = this.#value(token);
      this.#root = value ?? this.#root;
      if (value === undefined) this.#hasEnded = true;
    } else {
      this.#fail(`unexpected ${shown(token)} after the end of the policy: remove it`, token);
      this.#hasEnded = true;
    }
  }

  #inArray(frame: Frame, token: TokenAt): void {
    if (frame.expect === 'comma-or-end') this.#commaOrEnd(frame, token, Token.CloseBracket, 'value');
    else if (token.kind === Token.CloseBracket) this.#close(frame, token);
    else this.#put(frame, token);
  }

  #inObject(frame: Frame, tree: ObjectTree, token: TokenAt): void {
    switch (frame.expect) {
      case 'key':
      case 'key-or-end':
        this.#key(frame, tree, token);
        break;
      case 'colon':
        if (token.kind === Token.Colon) frame.expect = 'value';
        else this.#recover(frame, token, `missing colon after the name, before ${shown(token)}`);
        break;
      case 'comma-or-end':
        this.#commaOrEnd(frame, token, Token.CloseBrace, 'key');
        break;
      case 'value':
      case 'value-or-end':
        this.#put(frame, token);
        break;
    }
  }

  #key(frame: Frame, tree: ObjectTree, token: TokenAt): void {
    if (token.kind === Token.CloseBrace) {
      this.#close(frame, token);
    } else if (token.kind === Token.String) {
      const key = {
        ...this.#span(token),
        kind: 'string',
        value: token.value,
        pointer: tree.pointer,
      } as const;
      frame.key = key;
      frame.key = { ...key, pointer: this.#pointer() };
      frame.expect = 'colon';
    } else {
      this.#recover(frame, token, `expected a name in double quotes, not ${shown(token)}`);
    }
  }

  /** After a value. A missing comma is reported and the value after it is read all the same. */
  #commaOrEnd(frame: Frame, token: TokenAt, close: number, then: 'key' | 'value'): void {
    if (token.kind === Token.Comma) {
      frame.expect = `${then}-or-end`;
    } else if (token.kind === close) {
      this.#close(frame, token);
    } else if (token.kind === Token.CloseBrace || token.kind === Token.CloseBracket) {
      this.#recover(frame, token, `unexpected ${shown(token)}`);
    } else {
      this.#fail(`missing comma before ${shown(token)}`, token);
      frame.expect = then;
      if (frame.tree.kind === 'object') this.#inObject(frame, frame.tree, token);
      else this.#inArray(frame, token);
    }
  }

  #put(frame: Frame, token: TokenAt): void {
    const { key, tree } = frame;
    const depth = this.#stack.length;
    const value = this.#value(token, () =>
      this.#recover(frame, token, `expected a value, not ${shown(token)}`),
    );
    if (value === undefined) return;
    if (tree.kind === 'array') tree.items.push(value);
    else if (key !== undefined) tree.members.push({ key, value } satisfies Member);
    frame.expect = 'comma-or-end';
    if (this.#stack.length === depth) frame.key = undefined;
  }

  /** A whole scalar, or the beginning of an array or object, which is then on the stack. */
  #value(token: TokenAt, otherwise?: () => void): Tree | undefined {
    const base = { ...this.#span(token), pointer: this.#pointer() };
    switch (token.kind) {
      case Token.OpenBrace:
        return this.#open({ ...base, kind: 'object', members: [] }, 'key-or-end');
      case Token.OpenBracket:
        return this.#open({ ...base, kind: 'array', items: [] }, 'value-or-end');
      case Token.String:
        return { ...base, kind: 'string', value: token.value };
      case Token.Number:
        return this.#number(base, Number(token.value));
      case Token.True:
      case Token.False:
        return { ...base, kind: 'boolean', value: token.kind === Token.True };
      case Token.Null:
        return { ...base, kind: 'null' };
      default:
        if (otherwise === undefined) this.#fail(`expected a policy { … }, not ${shown(token)}`, token);
        else otherwise();
        return undefined;
    }
  }

  #number(base: { start: number; end: number; pointer: string }, value: number): Tree {
    if (!Number.isFinite(value)) this.#fail('the number is out of range', base);
    return { ...base, kind: 'number', value };
  }

  #open(tree: ArrayTree | ObjectTree, expect: Expect): Tree | undefined {
    if (this.#stack.length >= MAX_DEPTH) {
      this.#fail(`nested more than ${MAX_DEPTH} deep`, tree);
      this.#hasEnded = true;
      return undefined;
    }
    this.#stack.push({ tree, expect, key: undefined });
    return tree;
  }

  #close(frame: Frame, token: TokenAt): void {
    (frame.tree as { end: number }).end = token.end;
    this.#stack.pop();
    const outer = this.#stack.at(-1);
    if (outer !== undefined) outer.key = undefined;
  }

  #span(token: TokenAt): { start: number; end: number } {
    return { start: token.start, end: token.end };
  }

  /** Says what is wrong and goes on at the next comma or at the end of this array or object (policy.md §1). */
  #recover(frame: Frame, bad: TokenAt, message: string): void {
    this.#fail(message, bad);
    const stop = this.#skip(bad);
    if (stop.kind === Token.End) this.#hasEnded = true;
    else if (stop.kind === Token.Comma) this.#afterComma(frame);
    else this.#close(frame, stop);
  }

  /** The next comma, end of an array or object, or end of the file that does not belong to something inside. */
  #skip(from: TokenAt): TokenAt {
    let depth = 0;
    for (let token = from; ; token = this.#next()) {
      const isClose = token.kind === Token.CloseBrace || token.kind === Token.CloseBracket;
      if (token.kind === Token.End || (depth === 0 && (isClose || token.kind === Token.Comma))) return token;
      if (token.kind === Token.OpenBrace || token.kind === Token.OpenBracket) depth++;
      else if (isClose) depth--;
    }
  }

  #afterComma(frame: Frame): void {
    frame.key = undefined;
    frame.expect = frame.tree.kind === 'object' ? 'key-or-end' : 'value-or-end';
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [Token.OpenBrace]: '{',
  [Token.CloseBrace]: '}',
  [Token.OpenBracket]: '[',
  [Token.CloseBracket]: ']',
  [Token.Comma]: 'a comma',
  [Token.Colon]: 'a colon',
  [Token.End]: 'the end of the file',
};

const shown = (token: TokenAt): string => NAMES[token.kind] ?? shorten(token.value);

const shorten = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
