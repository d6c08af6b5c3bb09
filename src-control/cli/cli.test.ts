/** The command line: what it prints, what it exits with, with a server and without one. */
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { loadConfig } from '../server/config.ts';
import { checkSettings } from '../server/config-schema.ts';
import { parseDuration } from '../server/duration.ts';
import { parseListen } from '../server/listen-address.ts';
import { nearest } from '../server/nearest.ts';
import { type Loopback, loopback, scratchDir } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { table } from './print.ts';
import { runProgram } from './program.ts';

const root = scratchDir();
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const freshDir = (): string => {
  const dir = join(root, String(count++));
  mkdirSync(dir, { mode: 0o700 });
  return dir;
};

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function run(...args: readonly string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const exit = await runProgram(args, {
    clock: systemClock(),
    random: () => 0.5,
    openLog: () => silent,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    ending: AbortSignal.timeout(5_000),
  });
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

const json = async (...args: readonly string[]): Promise<unknown> => {
  const { exit, out, err } = await run(...args, '-o', 'json');
  expect([exit, err]).toEqual([0, '']);
  return JSON.parse(out);
};

describe.each(['without a server', 'with a server'])('%s', (how) => {
  async function state(): Promise<{ dir: string; server: Loopback | undefined }> {
    const dir = freshDir();
    return { dir, server: how === 'with a server' ? await loopback({ stateDir: dir }) : undefined };
  }

  test('users, keys and codes are made and listed', async () => {
    const { dir, server } = await state();
    const at = ['--state-dir', dir];
    expect(await json('users', 'create', 'carol', '--display-name', 'Carol C', ...at)).toMatchObject({
      name: 'carol',
      display_name: 'Carol C',
    });
    const key = await json('preauthkeys', 'create', '-u', 'carol', '--ephemeral', '-e', '30m', ...at);
    expect(key).toMatchObject({
      key: expect.stringMatching(/^rhkey-auth-/),
      reusable: false,
      ephemeral: true,
      used: false,
    });
    const { key: whole } = key as { key: string };
    const listed = await run('preauthkeys', 'list', '-u', 'carol', ...at);
    expect(listed.out).toMatch(/^ID +Key +Reusable/);
    expect(listed.out).not.toContain(whole);
    expect(await json('preauthkeys', 'expire', whole, ...at)).toMatchObject({ expired: true });
    expect((await run('admin-code', 'create', '--user', 'carol', ...at)).out).toMatch(
      /^\w{4}-\w{4}-\w{4}-\w{4}$/,
    );
    await server?.[Symbol.asyncDispose]();
  });

  test('refusals say what to do, each with its exit status', async () => {
    const { dir, server } = await state();
    const at = ['--state-dir', dir];
    await run('users', 'create', 'dora', ...at);
    const cases: [string[], number, RegExp][] = [
      [['users', 'create', 'dora'], 4, /exists already/],
      [['users', 'create', 'no good'], 5, /can't be a user name/],
      [['preauthkeys', 'create', '-u', 'nobody'], 3, /users create nobody/],
      [['preauthkeys', 'create', '-u', 'dora', '-e', 'soon'], 5, /not a span of time/],
      [['preauthkeys', 'expire', '77'], 3, /preauthkeys list/],
      [['nodes', 'rename', '4242', 'x'], 3, /nodes list/],
      [['nodes', 'expire'], 5, /say which node/],
      [['nodes', 'delete', 'ghost'], 3, /nodes list/],
      [['nodes', 'list', '-o', 'xml'], 5, /use table, json, json-line or yaml/],
      [['preauthkeys', 'create'], 5, /say whose the machines will be/],
      [['preauthkeys', 'revoke'], 5, /say which key/],
      [['apikeys', 'create', '--scope', 'everything'], 5, /there is no scope "everything"/],
      [['apikeys', 'delete', '12'], 3, /apikeys list/],
      [['settings', 'set', 'devices-approval', 'perhaps'], 5, /on or off/],
      [['admin-code', 'create', '-e', '0'], 5, /must end/],
    ];
    for (const [args, exit, err] of cases) {
      const ran = await run(...args, ...at);
      expect([args, ran.exit, ran.err.split('\n').length]).toEqual([args, exit, 1]);
      expect(ran.err).toMatch(err);
      expect(ran.err).not.toMatch(/ {4}at |Error:/);
    }
    await server?.[Symbol.asyncDispose]();
  });
});

describe('nodes', () => {
  test('are listed, renamed, expired and deleted', async () => {
    const dir = freshDir();
    await using server = await loopback({ stateDir: dir });
    await using machine = await TestMachine.connect(server.url);
    machine.hostname = 'web\u001b[31m';
    await machine.register({ authKey: server.authKey });
    const at = ['--state-dir', dir];
    const listed = await run('nodes', 'list', ...at);
    expect(listed.out).toMatch(/ID +Hostname +Name +User +IP addresses/);
    expect(listed.out).toContain('web?[31m');
    expect(await json('nodes', 'rename', '1', 'front', ...at)).toMatchObject({
      name: 'front',
      fqdn: 'front.rhumb.internal',
    });
    expect(await json('nodes', 'rename', 'back', '-i', '1', ...at)).toMatchObject({ given_name: 'back' });
    expect(await json('nodes', 'expire', 'back', ...at)).toMatchObject({ expired: true, online: false });
    expect(await json('nodes', 'delete', '-i', '1', '--force', ...at)).toMatchObject({ id: 1 });
    expect(await json('nodes', 'list', ...at)).toEqual([]);
  });

  test('that wait are listed and approved; without a server none can wait', async () => {
    const dir = freshDir();
    const at = ['--state-dir', dir];
    expect((await run('nodes', 'list', ...at)).err).toMatch(
      /there is no state in .* begin with users create/,
    );
    await json('users', 'create', 'alice', ...at);
    expect((await run('nodes', 'approve', 'x', ...at)).err).toMatch(/start rhumb-control serve/);
    await using server = await loopback({ stateDir: dir });
    await using machine = await TestMachine.connect(server.url);
    const { AuthURL = '' } = await machine.register({ hostname: 'knocks' });
    expect((await run('nodes', 'pending', ...at)).out).toContain('knocks');
    await run('users', 'create', 'bob', ...at);
    expect(await run('nodes', 'approve', AuthURL, ...at)).toMatchObject({
      exit: 5,
      err: expect.stringContaining('--user'),
    });
    expect(await json('nodes', 'approve', AuthURL, '-u', 'bob', ...at)).toMatchObject({
      name: 'knocks',
      user: { name: 'bob' },
    });
    expect(await run('nodes', 'approve', AuthURL, ...at)).toMatchObject({ exit: 3 });
  });
});

describe('serve', () => {
  test('refuses an address in use, a state in use, a damaged state and TLS that is none, in one line each', async () => {
    const dir = freshDir();
    await using server = await loopback({ stateDir: dir });
    const { host } = new URL(server.url);
    const damaged = freshDir();
    writeFileSync(join(damaged, 'control.db'), 'x'.repeat(5_000));
    const cert = join(freshDir(), 'cert');
    writeFileSync(cert, 'no certificate');
    const cases: [string[], number, RegExp][] = [
      [['--listen', host, '--state-dir', freshDir()], 1, /the address is in use/],
      [['--listen', '127.0.0.1:0', '--state-dir', dir], 4, /in use by another rhumb-control/],
      [['--listen', '127.0.0.1:0', '--state-dir', damaged], 1, /Restore control\.db/],
      [['--listen', '192.0.2.1:1', '--state-dir', freshDir()], 1, /no such address/],
      [['--listen', 'nonsense', '--state-dir', freshDir()], 5, /write 127\.0\.0\.1:8080/],
      [
        ['--listen', '127.0.0.1:0', '--state-dir', freshDir(), '--tls-cert', cert, '--tls-key', cert],
        5,
        /can't use .* PEM|can't use .*PEM routines/,
      ],
      [
        ['--listen', '127.0.0.1:0', '--state-dir', freshDir(), '--tls-cert', '/nowhere', '--tls-key', cert],
        5,
        /can't read the certificate or its key/,
      ],
      [
        ['--listen', '127.0.0.1:0', '--state-dir', freshDir(), '--tls-cert', cert],
        5,
        /both a certificate and a key/,
      ],
      [
        ['--state-dir', `${freshDir()}/${'x'.repeat(120)}`, '--listen', '127.0.0.1:0'],
        5,
        /too long for a socket/,
      ],
      [['--server-url', 'vpn.example.com', '--state-dir', freshDir()], 5, /not a server URL/],
      [
        ['--server-url', 'https://vpn.example.com', '--base-domain', 'example.com'],
        5,
        /must not lie in the base domain/,
      ],
    ];
    for (const [args, exit, err] of cases) {
      const ran = await run('serve', ...args);
      expect([args, ran.exit, ran.out]).toEqual([args, exit, '']);
      expect(ran.err).toMatch(err);
      expect(ran.err).toMatch(/^rhumb-control: [^\n]+$/);
    }
  });

  test('says where it is ready, and a start that failed leaves the state free', async () => {
    const dir = freshDir();
    const long = { listen: '127.0.0.1:0', stateDir: dir };
    await using taken = await loopback();
    expect((await run('serve', '--listen', new URL(taken.url).host, '--state-dir', dir)).exit).toBe(1);
    const file = join(freshDir(), 'config.json');
    writeFileSync(file, JSON.stringify(long));
    const ending = new AbortController();
    const out: string[] = [];
    const exit = await runProgram(['serve', '-c', file], {
      clock: systemClock(),
      random: () => 0.5,
      openLog: () => silent,
      out: (text) => {
        out.push(text);
        ending.abort();
      },
      err: () => undefined,
      ending: ending.signal,
    });
    expect([exit, out[0]]).toEqual([0, expect.stringMatching(/is ready at http:\/\/127\.0\.0\.1:\d+/)]);
    expect(existsSync(join(dir, 'control.db'))).toBe(true);
  });
});

describe('usage', () => {
  test.each([
    [['--lsten', ':1'], /unknown option '--lsten'/],
    [['serve', '--lsten', ':1'], /Did you mean --listen/],
    [['nodes', 'lst'], /Did you mean/],
    [['nodez'], /Did you mean one of node, nodes/],
    [['users', 'create'], /missing required argument 'name'/],
    [['oauth-clients', 'create'], /required option '--scope <scope...>'/],
    [['serve', '--log-level', 'loud'], /use one of debug, info, warn, error/],
  ])('%j is one line that helps, and exit status 2', async (args, err) => {
    const ran = await run(...args);
    expect([ran.exit, ran.out]).toEqual([2, '']);
    expect(ran.err).toMatch(err);
    expect(ran.err.split('\n')).toHaveLength(1);
  });

  test('help and version are no errors', async () => {
    expect(await run('--help')).toMatchObject({ exit: 0, out: expect.stringContaining('preauthkeys') });
    expect(await run('serve', '--help')).toMatchObject({
      exit: 0,
      out: expect.stringContaining('--server-url'),
    });
    expect(await json('version')).toMatchObject({ version: expect.any(String) });
  });
});

describe('configuration', () => {
  test('flags go over the file, the file over the defaults', async () => {
    const file = join(freshDir(), 'c.json');
    writeFileSync(file, '{"listen": ":9000", "keyExpiry": "0", "magicDns": true}');
    const config = JSON.parse((await run('configtest', '-c', file, '--listen', '[::1]:1')).out);
    expect(config).toMatchObject({
      listen: { host: '::1', port: 1 },
      keyLifetimeMs: 0,
      dns: { settings: { choice: { magicDns: true } } },
      baseDomain: 'rhumb.internal',
    });
  });

  test.each([
    ['{"lisen": ":1"}', /unknown key "lisen": did you mean "listen"/],
    ['{"qqqqqq": 1}', /unknown key "qqqqqq": the keys are listen, /],
    ['{"magicDns": "yes"}', /magicDns: /],
    ['[]', /the file: /],
    ['{"ephemeralTimeout": "10s"}', /more than 65s/],
  ])('%s is refused with what to do', async (text, err) => {
    const file = join(freshDir(), 'c.json');
    writeFileSync(file, text);
    const ran = await run('configtest', '-c', file);
    expect([ran.exit, ran.err]).toEqual([5, expect.stringMatching(err)]);
  });

  test('a file that is not there is refused', async () =>
    expect((await run('configtest', '-c', '/nowhere/c.json')).err).toMatch(/can't read the configuration/));

  test('addresses to listen on', () => {
    expect(parseListen(':8080')).toEqual({ host: '::', port: 8_080 });
    expect(parseListen('0.0.0.0:1')).toEqual({ host: '0.0.0.0', port: 1 });
    for (const bad of ['8080', '1.2.3.4', '::1:80', '[::1]', 'a:99999', ':'])
      expect(() => parseListen(bad)).toThrow();
  });

  test('spans of time', () => {
    expect(['90s', '30m', '1h', '1h30m', '180d', '0', 'never'].map(parseDuration)).toEqual([
      90_000, 1_800_000, 3_600_000, 5_400_000, 15_552_000_000, 0, 0,
    ]);
    for (const bad of ['', '1', 'h', '-1h', '1y', '1.5h', '999999999w'])
      expect(() => parseDuration(bad)).toThrow();
  });

  test('nearest words', () => {
    expect(nearest('sateDir', ['stateDir', 'serverUrl'])).toBe('stateDir');
    expect(nearest('zzz', ['stateDir'])).toBeUndefined();
  });

  test('a checked file is taken as it is', () => {
    expect(checkSettings({ listen: ':1' }, 'x')).toEqual({ listen: ':1' });
    expect(loadConfig(undefined, {}).serverUrl).toBeUndefined();
  });
});

test('columns are aligned by characters and can’t steer the terminal', () => {
  expect(
    table(
      ['A', 'B'],
      [
        ['ü\n', 'x'],
        ['longer', '\u202e'],
      ],
    ),
  ).toBe('A       B\nü?      x\nlonger  ?');
});

test('a state directory of somebody else is refused in words', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root may open everything');
  const dir = freshDir();
  chmodSync(dir, 0o000);
  expect((await run('users', 'list', '--state-dir', dir)).err).toMatch(/run as its owner/);
});

test('derp check connects to the embedded relay, and derp map shows it', async () => {
  const dir = freshDir();
  await using _server = await loopback({ stateDir: dir });
  const shown = await run('derp', 'map', '--state-dir', dir);
  expect(shown.out).toMatch(
    /^Region +Code .*\n997 .*\n998 .*\n999 +rhumb +Embedded relay +999a +127\.0\.0\.1 /,
  );
  const checked = await run('derp', 'check', '--state-dir', dir);
  expect(checked).toMatchObject({ exit: 0, err: '' });
  expect(checked.out).toMatch(/999 +999a +127\.0\.0\.1 +[\d.]+ ms +[\d.]+ ms/);
});

test('a policy of a megabyte reaches a running server, a longer one is refused in words', async () => {
  const dir = freshDir();
  await using _server = await loopback({ stateDir: dir });
  const file = join(dir, 'long.hujson');
  const set = async (quotes: number) => {
    // Each is two bytes in JSON.
    writeFileSync(file, `// ${'"'.repeat(quotes)}\n{"acls": []}`);
    return run('policy', 'set', file, '--force', '--state-dir', dir);
  };
  expect(await set(1_000_000)).toMatchObject({ exit: 0 });
  expect(await set(1_048_576)).toMatchObject({
    exit: 5,
    err: expect.stringMatching(/larger than 2097152 bytes/),
  });
});

test('derp map without a server says what is missing', async () => {
  const dir = freshDir();
  await run('users', 'create', 'carol', '--state-dir', dir);
  expect(await run('derp', 'map', '--state-dir', dir)).toMatchObject({
    exit: 1,
    err: expect.stringContaining('start rhumb-control serve'),
  });
});

test.each([
  [{ relay: { listn: ':1' } }, 'unknown key "relay.listn": did you mean "listen"?'],
  [{ relay: { listen: 'x' } }, 'is not an address to listen on'],
  [{ relay: { host: 'a b' } }, 'relay.host: "a b" is not a host name or an address'],
  [{ relay: { ipv6: '192.0.2.1' } }, 'relay.ipv6: "192.0.2.1" is neither an IPv6 address nor none'],
  [{ relay: { stunPorts: [70_000] } }, 'relay.stunPorts.0'],
  [{ relay: { port: 0 } }, 'relay.port'],
  [{ derpMapUrls: ['ftp://x'] }, 'derpMapUrls: "ftp://x" is not an http or https URL'],
  [{ derpMapRefresh: '5s' }, 'derpMapRefresh must be at least 1m'],
])('%j is refused', async (settings, why) => {
  const file = join(freshDir(), 'config.json');
  writeFileSync(file, JSON.stringify(settings));
  expect(() => loadConfig(file, {})).toThrow(why);
});

test.each([
  [{}, true],
  [{ derpMapUrls: ['https://x.test/'] }, false],
  [{ derpMapUrls: ['https://x.test/'], relay: {} }, true],
  [{ relay: { enabled: false } }, false],
])('with %j the embedded relay is on: %s', async (settings, isOn) => {
  const file = join(freshDir(), 'config.json');
  writeFileSync(file, JSON.stringify(settings));
  expect(loadConfig(file, {}).relay !== undefined).toBe(isOn);
});

describe('a server elsewhere', () => {
  test('is asked over its API, as far as the key goes', async () => {
    await using server = await loopback();
    const { key } = await server.admin.call('apikeys.create', { scopes: ['all:read'] });
    const at = ['--address', server.url, '--api-key', key];
    expect(await json('users', 'list', ...at)).toMatchObject([{ name: 'alice' }]);
    expect(await run('users', 'create', 'bob', ...at)).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/needs the scope users$/),
    });
    expect(await run('nodes', 'delete', '7', ...at)).toMatchObject({ exit: 1 });
    const wrong = ['--address', server.url, '--api-key', `${key}x`];
    expect((await run('users', 'list', ...wrong)).err).toMatch(/unauthorized/);
    expect((await run('users', 'list', '--address', server.url)).err).toMatch(/--address needs a key/);
  });

  test.each([
    ['http://vpn.example.com', /over http everybody on the way reads the key/],
    ['ftp://vpn.example.com', /is not an address/],
    ['https://127.0.0.1:1', /can't reach https:\/\/127\.0\.0\.1:1/],
  ])('%s is refused', async (address, err) =>
    expect((await run('users', 'list', '--address', address, '--api-key', 'x')).err).toMatch(err),
  );
});

test.each([
  ['json-line', /^\[\{"id":1,.*\}\]$/],
  ['yaml', /^- id: 1\n {2}name: carol\n/],
  ['table', /^ID +Name/],
])('answers are written as %s', async (format, looks) => {
  const dir = freshDir();
  await run('users', 'create', 'carol', '--state-dir', dir);
  expect((await run('users', 'list', '--state-dir', dir, '-o', format)).out).toMatch(looks);
});
