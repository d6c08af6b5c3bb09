/** The syntax of policy files: what is read, and where each mistake is (policy.md §1). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkText } from '../offline/compile-offline.ts';
import { Report } from './diagnostic.ts';
import { parseHujson } from './hujson.ts';
import { toJson } from './tree.ts';

function read(text: string): { value: unknown; errors: string[] } {
  const report = new Report(text);
  const tree = parseHujson(text, report);
  const errors = report.all.map(
    ({ message, range }) => `${range.start.line}:${range.start.column} ${message}`,
  );
  return { value: tree === undefined ? undefined : toJson(tree), errors };
}

test('comments, trailing commas and a byte order mark are fine', () => {
  const text = '\ufeff// first\n{"a": [1, 2.5e1, -3,], /* x */ "b": {"c": null, "d": true,},\r\n}\n// last';
  expect(read(text)).toEqual({ value: { a: [1, 25, -3], b: { c: null, d: true } }, errors: [] });
});

test('nothing but blanks and comments is no value and no error', () => {
  for (const text of ['', ' \n', '// x', '/* x */\n'])
    expect(read(text)).toEqual({ value: undefined, errors: [] });
});

test('values have pointers and places', () => {
  const text = '{"a/b": [10, {"c~d": "x"}]}';
  const tree = parseHujson(text, new Report(text));
  if (tree?.kind !== 'object') throw new Error('not an object');
  const list = tree.members[0]?.value;
  if (list?.kind !== 'array' || list.items[1]?.kind !== 'object') throw new Error('not an array');
  const inner = list.items[1].members[0];
  expect([list.pointer, list.items[0]?.pointer, inner?.value.pointer]).toEqual([
    '/a~1b',
    '/a~1b/0',
    '/a~1b/1/c~0d',
  ]);
  expect(text.slice(list.start, list.end)).toBe('[10, {"c~d": "x"}]');
  expect(text.slice(inner?.key.start, inner?.key.end)).toBe('"c~d"');
});

describe('mistakes', () => {
  test.each([
    ['{"a": 1 "b": 2}', ['1:9 missing comma before "b"']],
    ['{"a" 1, "b": 2}', ['1:6 missing colon after the name, before "1"']],
    ["{'a': 1}", [expect.stringContaining('1:2 expected a name in double quotes')]],
    ['{"a": tru, "b": nope}', ['1:7 expected a value, not "tru"', '1:17 expected a value, not "nope"']],
    [
      '{"a": "x\n}',
      [expect.stringContaining('1:7 the string has no end'), '2:1 missing comma before }'].slice(0, 1),
    ],
    ['{"a": "\\q"}', [expect.stringContaining('1:7 invalid escape')]],
    ['{"a": 1} x', [expect.stringContaining('1:10 unexpected "x" after the end')]],
    ['{"a": [1, 2}', [expect.stringContaining('1:12 unexpected }')]],
    ['{"a": 1', ['1:8 the object has no end: missing }']],
    ['/* x', [expect.stringContaining('1:1 the comment has no end')]],
    ['{"a": 1e999}', ['1:7 the number is out of range']],
    ['{"a": [,]}', ['1:8 expected a value, not a comma']],
  ])('%j', (text, errors) => expect(read(text).errors.slice(0, errors.length)).toEqual(errors));

  test('nesting is bounded, however deep the text is', () => {
    const { errors } = read('['.repeat(500_000));
    expect(errors).toEqual(['1:65 nested more than 64 deep']);
  });

  test('size is bounded', () => {
    expect(read(`"${'x'.repeat(1 << 20)}"`).errors[0]).toContain('longer than 1048576 bytes');
  });

  test('names that are special in JavaScript are names like all others', () => {
    const { report } = checkText('{"__proto__": {}, "constructor": 1, "groups": {"__proto__": []}}');
    expect(report.all.map(({ code }) => code)).toEqual([
      'policy/unknown-field',
      'policy/unknown-field',
      'policy/group-name',
    ]);
  });
});

test('all JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const { value, errors } = read(text);
      expect(errors).toEqual([]);
      expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('no text breaks the checker, and every error lies inside the text', () => {
  const words = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"acls"',
    '"groups"',
    '"src"',
    '"tag:a"',
    '1',
    'null',
    '/*',
    '*/',
    '//',
    '\n',
    '"',
    'x',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (parts) => {
      const text = parts.join(' ');
      for (const { range } of checkText(text).report.all) {
        expect(range.start.offset).toBeLessThanOrEqual(range.end.offset);
        expect(range.end.offset).toBeLessThanOrEqual(text.length);
      }
    }),
    { numRuns: 500 },
  );
});
