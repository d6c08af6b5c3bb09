/** Flags of rhumbd: defaults, spellings, and one clear line for each mistake. */
import { expect, test } from 'vitest';
import { parseFlags } from './flags.ts';

const run = (...args: string[]): ReturnType<typeof parseFlags> => parseFlags(args, {});

test('without flags the defaults of the design hold', () => {
  expect(run()).toEqual({
    kind: 'run',
    options: {
      tun: 'rhumb0',
      statePath: '/var/lib/rhumb/rhumbd.state',
      stateDir: '/var/lib/rhumb',
      socket: '/var/run/rhumb/rhumbd.sock',
      port: 41_641,
      verbose: 0,
      portPrediction: true,
      pathMtuDiscovery: false,
    },
  });
});

test.each([
  { args: ['--statedir=/a/'], want: { statePath: '/a/rhumbd.state', stateDir: '/a/' } },
  { args: ['--state', '/b/c.state'], want: { statePath: '/b/c.state', stateDir: '/b' } },
  { args: ['--state=mem:'], want: { statePath: undefined, stateDir: '/var/lib/rhumb' } },
  { args: ['--state=x.state', '--statedir=/d'], want: { statePath: 'x.state', stateDir: '/d' } },
  { args: ['-port', '0', '-verbose=2'], want: { port: 0, verbose: 2 } },
  { args: ['--tun=none'], want: { tun: undefined } },
  { args: ['--tun', 'mesh7'], want: { tun: 'mesh7' } },
])('$args', ({ args, want }) => {
  expect(run(...args)).toMatchObject({ kind: 'run', options: want });
});

test('PORT of the environment is the default port', () => {
  expect(parseFlags([], { PORT: '555' })).toMatchObject({ options: { port: 555 } });
});

test.each([
  { args: ['--sockt=/x'], text: /unknown option '--sockt=\/x' \(did you mean --socket\?\)|--sockt/ },
  { args: ['--zzz'], text: /unknown option '--zzz'; rhumbd --help lists the flags/ },
  { args: ['--port=70000'], text: /must be a number from 0 to 65535/ },
  { args: ['--port=x'], text: /must be a number/ },
  { args: ['--tun=this-name-is-too-long'], text: /interface name/ },
  { args: ['--tun=a b'], text: /interface name/ },
  { args: ['--tun=userspace-networking'], text: /userspace networking is not available yet/ },
  { args: ['--socks5-server=:1080'], text: /socks5-server is not available yet/ },
  { args: ['extra'], text: /too many arguments/ },
  { args: ['--socket'], text: /argument missing/ },
])('$args gives one line', ({ args, text }) => {
  const flags = run(...args);
  if (flags.kind !== 'error') throw new Error(`not an error: ${flags.kind}`);
  expect(flags.text).toMatch(text);
  expect(flags.text).toMatch(/^rhumbd: /);
  expect(flags.text).not.toContain('\n');
});

test('a misspelt flag names the nearest one', () => {
  expect(run('--sokcet')).toMatchObject({ text: expect.stringContaining('--socket?') });
});

test('help, version and cleanup', () => {
  expect(run('--version')).toEqual({ kind: 'version' });
  expect(run('--cleanup', '--tun=t0')).toMatchObject({ kind: 'cleanup', options: { tun: 't0' } });
  expect(run('--help')).toMatchObject({ kind: 'help', text: expect.stringContaining('--statedir') });
});

test('port prediction can be switched off, path MTU discovery on', () => {
  const flags = parseFlags(['--no-port-prediction', '--path-mtu-discovery'], {});
  expect(flags).toMatchObject({ options: { portPrediction: false, pathMtuDiscovery: true } });
});
