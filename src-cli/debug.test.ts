/** Tests of `rhumb debug`: what is asked of the daemon, and what is printed of its replies. */
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { flagValues } from './commands/spec.ts';
import { fromVia, toVia } from './debug/via.ts';
import { watchMask } from './debug/watch.ts';
import { debug } from './table/debug.ts';
import type { FakeCall } from './testing/fake-daemon.ts';
import { runCli } from './testing/run-cli.ts';
import { running, withDaemon } from './testing/two-machines.ts';

const answering = (path: string, reply: object) => ({
  reply: (call: FakeCall) => (call.path === path ? { status: 200, ...reply } : undefined),
});

describe('actions', () => {
  test.each([
    [['restun'], 'restun'],
    [['derp-set-on-demand'], 'derp-set-homeless'],
    [['force-netmap-update'], 'force-netmap-update'],
  ])('%j', async (args, action) => {
    const behaviour = answering(`debug?action=${action}`, { text: 'done' });
    const { exit, out } = await withDaemon(['debug', ...args], { behaviour });
    expect({ exit, out }).toEqual({ exit: 0, out: '' });
  });

  test('a relay is preferred by its number', async () => {
    const behaviour = answering('debug?action=force-prefer-derp', { text: 'done' });
    const { exit, daemon } = await withDaemon(['debug', 'force-prefer-derp', '9'], { behaviour });
    expect({ exit, body: daemon.calls[0]?.body }).toEqual({ exit: 0, body: 9 });
    expect((await withDaemon(['debug', 'force-prefer-derp', 'x'])).exit).toBe(1);
  });

  test('a configuration that is not in use is no success', async () => {
    const behaviour = answering('reload-config', { json: { Reloaded: false } });
    expect(await withDaemon(['debug', 'reload-config'], { behaviour })).toMatchObject({
      exit: 1,
      out: 'config mode not in use\n',
    });
  });

  test('a key expires at a time, counted from now', async () => {
    const behaviour = answering('set-expiry-sooner?expiry=1767323105', { text: 'done' });
    expect(await withDaemon(['debug', 'set-expire', '--in=1m'], { behaviour })).toMatchObject({ exit: 0 });
  });

  test('component logs say what the daemon says', async () => {
    const path = 'component-debug-logging?component=magicsock&secs=3600';
    const fine = await withDaemon(['debug', 'component-logs', 'magicsock'], {
      behaviour: answering(path, { json: {} }),
    });
    expect(fine.out).toBe('Enabled debug logs for component "magicsock" for 1h0m0s\n');
    const refused = await withDaemon(['debug', 'component-logs', 'magicsock'], {
      behaviour: answering(path, { json: { Error: 'no such component' } }),
    });
    expect(refused).toMatchObject({ exit: 1, err: 'no such component\n' });
  });
});

describe('watch-ipn', () => {
  const command = debug.subcommands?.find(({ name }) => name === 'watch-ipn');
  test.each([
    [{}, 8_192 | 4_096 | 32_768],
    [{ initial: true }, 8_192 | 4_096 | 32_768 | 2 | 4],
    [{ netmap: true, 'peer-changes': false, 'peer-patches': false }, 8],
    [
      { 'engine-updates': true, 'initial-health': true, 'peer-wireguard-state': true },
      0x40000 | 45_057 | 128,
    ],
  ])('%j asks for the bits', (given, mask) => {
    expect(watchMask(flagValues(command?.flags ?? [], given))).toBe(mask);
  });

  test('prints messages as they are and ends after the count', async () => {
    const behaviour = {
      watch: (daemon: { send: (message: object) => void }) => {
        daemon.send({ State: 6 });
        daemon.send({ State: 4 });
        daemon.send({ State: 5 });
      },
    };
    const { exit, out, err } = await withDaemon(['debug', 'watch-ipn', '--count=2'], { behaviour });
    expect({ exit, err }).toEqual({ exit: 0, err: 'Connected.\n' });
    expect(out.match(/^\t"State": \d/gm)).toEqual(['\t"State": 6', '\t"State": 4']);
  });
});

describe('localapi', () => {
  test('any call, with the reply as it is', async () => {
    const behaviour = { reply: () => ({ status: 200, text: 'hello' }) };
    const { out, err, daemon } = await withDaemon(
      ['debug', 'localapi', 'POST', '/localapi/v0/start', '{"a":1}'],
      { behaviour },
    );
    expect({ out, err }).toEqual({ out: 'hello\n', err: '# doing request POST /localapi/v0/start\n' });
    expect(daemon.calls[0]).toMatchObject({ method: 'POST', path: 'start', body: { a: 1 } });
  });

  test('the body may come from standard input', async () => {
    const behaviour = { reply: () => ({ status: 200, text: '' }) };
    const world = { stdin: Readable.from([Buffer.from('[1,'), Buffer.from('2]')]) };
    const { daemon } = await withDaemon(['debug', 'localapi', 'POST', 'x', '-'], { behaviour, world });
    expect(daemon.calls[0]?.body).toEqual([1, 2]);
  });

  test('a refusal is told with its status', async () => {
    const behaviour = { reply: () => ({ status: 404, text: 'not here' }) };
    expect(await withDaemon(['debug', 'localapi', 'frob'], { behaviour })).toMatchObject({
      exit: 1,
      out: 'not here\n',
      err: '# doing request GET /localapi/v0/frob\n# Response status 404 Not Found\n404 Not Found\n',
    });
  });
});

describe('via', () => {
  test.each([
    ['7', '10.1.0.0/16', 'fd7a:115c:a1e0:b1a:0:7:a01:0/112', 'site 7 (0x7), 10.1.0.0/16'],
    ['0xffff', '0.0.0.0/0', 'fd7a:115c:a1e0:b1a:0:ffff::/96', 'site 65535 (0xffff), 0.0.0.0/0'],
    ['0', '192.0.2.1/32', 'fd7a:115c:a1e0:b1a::c000:201/128', 'site 0 (0x0), 192.0.2.1/32'],
  ])('site %s, %s', (site, route, via, back) => {
    expect(toVia(site, route)).toBe(via);
    expect(fromVia(via)).toBe(back);
  });

  test.each([
    [['65536', '10.0.0.0/8'], 'site-id values over 65535 are currently reserved'],
    [['x', '10.0.0.0/8'], 'invalid site-id "x"; must be decimal or hex with 0x prefix'],
    [['1', 'fd00::/8'], 'want IPv4 CIDR with a site ID'],
    [['10.0.0.0/8'], 'with one argument, expect an IPv6 CIDR'],
    [['fd00::/96'], 'not a via route'],
    [['fd7a:115c:a1e0:b1a::/64'], 'short length, want /96 or more'],
    [['frob'], '"frob" is not an IP prefix'],
  ])('%j is refused', async (args, message) => {
    expect(await runCli(['debug', 'via', ...args])).toMatchObject({ exit: 1, err: `${message}\n` });
  });
});

test('engine says what moves the packets, and a daemon that cannot say is told of', async () => {
  const json = { Kind: 'native', Cipher: '8 lanes', Reason: 'it is built' };
  const told = await withDaemon(['debug', 'engine'], { behaviour: answering('rhumb/engine', { json }) });
  expect(told).toMatchObject({ exit: 0, out: 'native engine, because it is built\ncipher: 8 lanes\n' });
  expect((await withDaemon(['debug', 'engine'])).exit).toBe(1);
  const odd = await withDaemon(['debug', 'engine'], {
    behaviour: answering('rhumb/engine', { json: { Kind: 7 } }),
  });
  expect(odd).toMatchObject({ exit: 1, err: expect.stringContaining('malformed') });
});

test('filter shows rules with their counts', async () => {
  const rule = {
    protocols: [6, 17],
    sources: ['100.64.0.1/32', '100.64.0.2/32', '100.64.0.3/32', '100.64.0.4/32'],
    destinations: [
      { prefix: '10.0.0.0/8', first: 22, last: 22 },
      { prefix: '0.0.0.0/0', first: 0, last: 65_535 },
    ],
  };
  const json = {
    shieldsUp: true,
    rules: [{ rule, passed: 12, nearMisses: 3 }],
    refusals: [
      {
        atMs: 1,
        peer: 'web1',
        protocol: 6,
        from: { ip: 'fd7a::1', port: 1 },
        to: { ip: '100.64.0.1', port: 22 },
        reason: 'acl',
      },
    ],
    counters: { 'drop.filtered': 3 },
  };
  const behaviour = answering('rhumb/filter', { json });
  expect((await withDaemon(['debug', 'filter'], { behaviour })).out).toBe(
    [
      'Shields are up: nothing may begin from outside.',
      '',
      'RULE  FROM                                          TO                         PROTOCOLS  PASSED  NEAR MISSES  ',
      '1     100.64.0.1/32,100.64.0.2/32,100.64.0.3/32,+1  10.0.0.0/8:22,0.0.0.0/0:*  tcp,udp    12      3            ',
      '',
      'Counters:',
      '  drop.filtered  3',
      '',
      'Refused by others:',
      '  web1: 6 [fd7a::1]:1 -> 100.64.0.1:22: acl',
      '',
    ].join('\n'),
  );
  const stock = await withDaemon(['debug', 'filter']);
  expect(stock).toMatchObject({ exit: 1, err: 'this daemon does not count by rule; only rhumbd does\n' });
});

test('the log is followed, deeper lines only when asked for', async () => {
  const log =
    '{"text":"one\\n"}\n{"text":"two","v":2}\nno json\n{"text":"three","logtail":{"client_time":"T"}}\n';
  const behaviour = answering('logtap', { text: log });
  const { out } = await withDaemon(['debug', 'daemon-logs', '--time'], { behaviour });
  expect(out).toBe('one\nno json\nT three\n');
  expect((await withDaemon(['debug', 'daemon-logs', '--verbose=2'], { behaviour })).out).toContain('two\n');
});

test('a risk is asked about unless it was accepted', async () => {
  expect(await runCli(['debug', 'test-risk'])).toMatchObject({ exit: 1, err: 'aborted, no changes made\n' });
  expect(await runCli(['debug', 'test-risk', '--accept-risk=all'])).toMatchObject({
    exit: 0,
    out: 'did-test-risky-action\n',
  });
});

describe('nc', () => {
  const nc = (...args: string[]) =>
    withDaemon(['nc', ...args], {
      status: running,
      behaviour: {
        dial: (host, port) => (host === 'there' && port === 22 ? (sent) => `re: ${sent}` : undefined),
      },
      world: { stdin: Readable.from([Buffer.from('hello')]) },
    });

  test('carries both ways', async () => {
    expect(await nc('there', '22')).toMatchObject({ exit: 0, out: 're: hello', err: '' });
  });

  test.each([
    [['there', '23'], 'Dial("there", 23): dial failure\n'],
    [['there', '70000'], 'invalid port number "70000"\n'],
    [['there'], 'usage: rhumb nc <name or address> <port>\n'],
  ])('%j', async (args, err) => {
    expect(await nc(...args)).toMatchObject({ exit: 1, err });
  });
});
