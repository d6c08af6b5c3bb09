/** Tests of the command-line syntax: Go's flags, in any order, each once, with a hint for what is nearly right. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearest, parseArgs, parseValue } from './args.ts';
import type { Command, Flag } from './commands/spec.ts';

const run = async (): Promise<number> => 0;
const root: readonly Flag[] = [{ name: 'socket', kind: 'text', about: '' }];
const commands: readonly Command[] = [
  {
    name: 'status',
    about: '',
    flags: [
      { name: 'json', kind: 'bool', about: '' },
      { name: 'peers', kind: 'bool', initial: true, about: '' },
    ],
    run,
  },
  {
    name: 'ping',
    about: '',
    maxArgs: 1,
    flags: [
      { name: 'c', kind: 'int', about: '' },
      { name: 'timeout', kind: 'duration', about: '' },
      { name: 'auth-key', kind: 'text', about: '' },
      { name: 'kind', kind: 'text', choices: ['a', 'b'], about: '' },
    ],
    run,
  },
  { name: 'version', about: '', flags: [], run },
];
const parse = (...argv: string[]) => parseArgs('rhumb', argv, root, commands);

describe('what is understood', () => {
  test.each([
    [['status', '-json'], [], ['--json=true']],
    [['status', '--json=false'], [], ['--json=false']],
    [['status', '-peers=F', '--json'], [], ['--peers=F', '--json=true']],
    [['--socket', '/s', 'status'], ['--socket=/s'], []],
    [['status', '-socket=/s'], ['--socket=/s'], []],
    [['ping', 'host', '-c', '3'], [], ['--c=3', '--', 'host']],
    [['ping', '-c=3', 'host'], [], ['--c=3', '--', 'host']],
    [['ping', '--', '-c'], [], ['--', '-c']],
    [['ping', '-'], [], ['--', '-']],
    [['ping', '--authkey', 'k', 'h'], [], ['--auth-key=k', '--', 'h']],
    [['ping', '-auth-key=a=b', 'h'], [], ['--auth-key=a=b', '--', 'h']],
    [['ping', '--auth-key=', 'h'], [], ['--auth-key=', '--', 'h']],
    [['ping', '--auth-key', '--json', 'h'], [], ['--auth-key=--json', '--', 'h']],
    [['ping', ''], [], ['--', '']],
    [['-V'], [], []],
    [['--version'], [], []],
  ])('%j', (argv, rootArgs, commandArgs) => {
    expect(parse(...argv)).toMatchObject({ kind: 'parsed', rootArgs, commandArgs, wantsHelp: false });
  });

  test('given names are the declared ones', () => {
    expect(parse('ping', '-authkey=k', '-c', '1')).toMatchObject({ given: new Set(['auth-key', 'c']) });
  });

  test('help may stand anywhere', () => {
    for (const argv of [
      ['help', 'ping'],
      ['ping', '-h'],
      ['--help', 'ping'],
      ['ping', 'a', 'b', '-help'],
    ])
      expect(parse(...argv)).toMatchObject({ command: { name: 'ping' }, wantsHelp: true });
    expect(parse()).toMatchObject({ command: undefined, wantsHelp: false });
  });
});

describe('what is refused', () => {
  test.each([
    [['statsu'], 1, 'rhumb: unknown subcommand: statsu; did you mean "status"?'],
    [['stat'], 1, 'rhumb: unknown subcommand: stat; did you mean "status"?'],
    [['frobnicate'], 1, 'rhumb: unknown subcommand: frobnicate; see rhumb --help'],
    [['status', '--jsno'], 2, 'rhumb status: unknown flag --jsno; did you mean --json?'],
    [['status', '-x'], 2, 'rhumb status: unknown flag -x; see rhumb status --help'],
    [['--sokcet=/s', 'status'], 2, 'rhumb: unknown flag --sokcet; did you mean --socket?'],
    [['status', '--json', '-json=false'], 2, 'rhumb status: flag --json given twice'],
    [['status', '--json=maybe'], 2, 'rhumb status: invalid value "maybe" for --json: want true or false'],
    [['ping', '-c'], 2, 'rhumb ping: flag -c needs a value'],
    [['ping', '-c', 'x'], 2, 'rhumb ping: invalid value "x" for -c: want a number'],
    [['ping', '-c=-1'], 2, 'rhumb ping: invalid value "-1" for -c: want a number'],
    [
      ['ping', '--timeout=5'],
      2,
      'rhumb ping: invalid value "5" for --timeout: want a duration such as 5s or 1m30s',
    ],
    [['ping', '--kind=c'], 2, 'rhumb ping: invalid value "c" for --kind: want one of a, b'],
    [['status', 'extra'], 1, 'rhumb status: too many arguments: "extra"'],
    [['ping', 'a', 'b', 'c'], 1, 'rhumb ping: too many arguments: "b" "c"'],
  ])('%j', (argv, exit, message) => {
    expect(parse(...argv)).toEqual({ kind: 'refused', exit, message });
  });

  test('a key is not repeated when its flag is given twice', () => {
    expect(parse('ping', '--auth-key=a', '--auth-key=secret')).toEqual({
      kind: 'refused',
      exit: 2,
      message: 'rhumb ping: flag --auth-key given twice',
    });
  });

  test('no command line makes it throw', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('status', 'ping', '--', '-', '---', '--=', '-c', '--json', 'help'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
        expect(['parsed', 'refused']).toContain(parse(...argv).kind);
      }),
    );
  });
});

test('values have the type of their flag', () => {
  const flag = (kind: Flag['kind']): Flag => ({ name: 'x', kind, about: '' });
  expect(parseValue(flag('bool'), 'TRUE')).toBe(true);
  expect(parseValue(flag('int'), '010')).toBe(10);
  expect(parseValue(flag('duration'), '1m30s')).toBe(90_000);
  expect(parseValue(flag('duration'), '600000h')).toBeUndefined();
  expect(parseValue(flag('text'), '')).toBe('');
});

test('the nearest name wins, none is nearer than nonsense', () => {
  expect(nearest('pnig', ['ip', 'ping'])).toBe('ping');
  expect(nearest('accept-dsn', ['accept-dns', 'accept-routes'])).toBe('accept-dns');
  expect(nearest('hostnam', ['hostname'])).toBe('hostname');
  expect(nearest('qqqq', ['ip', 'ping'])).toBeUndefined();
  expect(nearest('x'.repeat(100_000), ['ip'])).toBeUndefined();
});
