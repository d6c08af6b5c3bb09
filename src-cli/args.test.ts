/** Tests of the command-line syntax: Go's flags, in any order, each once, with a hint for what is nearly right. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArgs, parseValue } from './args.ts';
import type { Command, Flag } from './commands/spec.ts';
import { nearest } from './print/nearest.ts';

const load = async () => async (): Promise<number> => 0;
const root: readonly Flag[] = [{ name: 'socket', kind: 'text', about: '' }];
const commands: readonly Command[] = [
  {
    name: 'status',
    about: '',
    flags: [
      { name: 'json', kind: 'bool', about: '' },
      { name: 'peers', kind: 'bool', initial: true, about: '' },
    ],
    load,
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
    load,
  },
  { name: 'version', about: '', flags: [], load },
  {
    name: 'dns',
    about: '',
    flags: [],
    subcommands: [
      { name: 'status', about: '', flags: [{ name: 'all', kind: 'bool', about: '' }], load },
      { name: 'query', about: '', flags: [], maxArgs: 2, load },
      { name: 'secret', about: '', isHidden: true, flags: [], load },
    ],
  },
  {
    name: 'switch',
    about: '',
    maxArgs: 1,
    flags: [{ name: 'list', kind: 'bool', about: '' }],
    load,
    subcommands: [{ name: 'remove', about: '', maxArgs: 1, flags: [], load }],
  },
];
const parse = (...argv: string[]) => parseArgs('rhumb', argv, root, commands);

/** Flags of the root and the command that were given, and the arguments. */
function understood(...argv: string[]) {
  const parsed = parse(...argv);
  if (parsed.kind === 'refused') return parsed.message;
  const { rootFlags, input } = parsed;
  return [
    parsed.path.map(({ name }) => name).join(' '),
    Object.fromEntries([...rootFlags.given].map((name) => [name, rootFlags.text(name)])),
    Object.fromEntries([...input.flags.given].map((name) => [name, input.flags.text(name)])),
    ...input.args,
  ];
}

describe('what is understood', () => {
  test.each([
    [
      ['status', '-json'],
      ['status', {}, { json: 'true' }],
    ],
    [
      ['status', '--json=false'],
      ['status', {}, { json: 'false' }],
    ],
    [
      ['status', '-peers=F', '--json'],
      ['status', {}, { peers: 'false', json: 'true' }],
    ],
    [
      ['--socket', '/s', 'status'],
      ['status', { socket: '/s' }, {}],
    ],
    [
      ['status', '-socket=/s'],
      ['status', { socket: '/s' }, {}],
    ],
    [
      ['ping', 'host', '-c', '3'],
      ['ping', {}, { c: '3' }, 'host'],
    ],
    [
      ['ping', '-c=3', 'host'],
      ['ping', {}, { c: '3' }, 'host'],
    ],
    [
      ['ping', '--', '-c'],
      ['ping', {}, {}, '-c'],
    ],
    [
      ['ping', '-'],
      ['ping', {}, {}, '-'],
    ],
    [
      ['ping', '--authkey', 'k', 'h'],
      ['ping', {}, { 'auth-key': 'k' }, 'h'],
    ],
    [
      ['ping', '-auth-key=a=b', 'h'],
      ['ping', {}, { 'auth-key': 'a=b' }, 'h'],
    ],
    [
      ['ping', '--auth-key=', 'h'],
      ['ping', {}, { 'auth-key': '' }, 'h'],
    ],
    [
      ['ping', '--auth-key', '--json', 'h'],
      ['ping', {}, { 'auth-key': '--json' }, 'h'],
    ],
    [
      ['ping', ''],
      ['ping', {}, {}, ''],
    ],
    [['-V'], ['version', {}, {}]],
    [['--version'], ['version', {}, {}]],
    [
      ['dns', 'status', '--all'],
      ['dns status', {}, { all: 'true' }],
    ],
    [
      ['dns', 'query', 'status', 'A'],
      ['dns query', {}, {}, 'status', 'A'],
    ],
    [['--socket=/s', 'dns', 'query', '-socket=/t'], 'rhumb dns query: flag --socket given twice'],
    [
      ['switch', 'work'],
      ['switch', {}, {}, 'work'],
    ],
    [
      ['switch', '--list'],
      ['switch', {}, { list: 'true' }],
    ],
    [
      ['switch', 'remove', 'work'],
      ['switch remove', {}, {}, 'work'],
    ],
  ])('%j', (argv, want) => {
    expect(understood(...argv)).toEqual(want);
  });

  test('help may stand anywhere', () => {
    for (const argv of [
      ['help', 'ping'],
      ['ping', '-h'],
      ['--help', 'ping'],
      ['ping', 'a', 'b', '-help'],
    ])
      expect(parse(...argv)).toMatchObject({ path: [{ name: 'ping' }], wantsHelp: true });
    expect(parse()).toMatchObject({ path: [], wantsHelp: false });
    for (const argv of [
      ['help', 'dns', 'query'],
      ['dns', 'help', 'query'],
      ['dns', 'query', '--help'],
    ])
      expect(parse(...argv)).toMatchObject({ path: [{ name: 'dns' }, { name: 'query' }], wantsHelp: true });
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
    [['dns'], 1, 'rhumb dns: missing subcommand: status, query'],
    [['dns', 'staus'], 1, 'rhumb dns: unknown subcommand: staus; did you mean "status"?'],
    [['dns', 'secert'], 1, 'rhumb dns: unknown subcommand: secert; see rhumb dns --help'],
    [['switch', '--list', 'remove'], 2, 'rhumb switch: flags come after "remove"'],
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
      fc.constantFrom(
        'status',
        'ping',
        'dns',
        'switch',
        'remove',
        '--',
        '-',
        '---',
        '--=',
        '-c',
        '--json',
        'help',
      ),
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
