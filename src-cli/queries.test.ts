/** Tests of the commands that only ask: status, ip, ping, whois, version. */
import { describe, expect, test } from 'vitest';
import { NO_PING } from '#shared/localapi/misc.ts';
import type { Behaviour } from './testing/fake-daemon.ts';
import { runCli, testClock } from './testing/run-cli.ts';
import { PEER_KEY, running, withDaemon } from './testing/two-machines.ts';

describe('status', () => {
  const table = ['100.64.0.1  here   alice@  linux  -  ', '100.64.0.2  there  alice@  linux  -  ', ''].join(
    '\n',
  );

  test('shows the table; ids beyond 2^53 keep their owners', async () => {
    const { exit, out, daemon } = await withDaemon(['status'], { status: running });
    expect({ exit, out }).toEqual({ exit: 0, out: table });
    expect(daemon.sequence).toEqual(['GET status', 'GET serve-config']);
  });

  test('asks for less with --peers=false', async () => {
    const { out, daemon } = await withDaemon(['status', '-peers=false'], { status: running });
    expect(out).toBe('100.64.0.1  here  alice@  linux  -  \n');
    expect(daemon.sequence[0]).toBe('GET status?peers=false');
  });

  test('prints JSON with two spaces and no newline at the end, unknown fields and nanoseconds kept', async () => {
    const raw = {
      BackendState: 'Running',
      New: { '10': 1, '9': 2 },
      Created: '2026-01-01T00:00:00.123456789Z',
      L: '<',
    };
    const { exit, out, daemon } = await withDaemon(['status', '--json'], {
      behaviour: { reply: (call) => (call.path === 'status' ? { status: 200, json: raw } : undefined) },
    });
    expect(exit).toBe(0);
    expect(out).toBe(
      '{\n  "BackendState": "Running",\n  "New": {\n    "10": 1,\n    "9": 2\n  },\n' +
        '  "Created": "2026-01-01T00:00:00.123456789Z",\n  "L": "\\u003c"\n}',
    );
    expect(daemon.sequence).toEqual(['GET status']);
  });

  test('with --json --active leaves idle peers out', async () => {
    const { out } = await withDaemon(['status', '--json', '--active'], { status: running });
    expect(JSON.parse(out)).toMatchObject({ Peer: {}, BackendState: 'Running' });
  });

  test.each([
    ['Stopped', 'Rhumb is stopped.\n'],
    ['NeedsLogin', 'Logged out.\nLog in at: https://x/y\n'],
    ['NeedsMachineAuth', 'Machine is not yet approved by tailnet admin.\n'],
    ['NoState', '# Health check:\n#     - warming up\n\nunexpected state: NoState\n'],
  ])('in state %s exits with 1', async (state, want) => {
    const { exit, out } = await withDaemon(['status'], {
      status: { ...running, BackendState: state, AuthURL: 'https://x/y', Health: ['warming up'] },
    });
    expect({ exit, out }).toEqual({ exit: 1, out: want });
  });

  test('shows funnels below the table, and trouble with them', async () => {
    const config = {
      AllowFunnel: {
        'a.example:443': true,
        'b.example:8443': true,
        'c.example:22': true,
        'd.example:1': false,
      },
      TCP: { '22': { TCPForward: 'localhost:22' }, '443': { HTTPS: true } },
    };
    const on = await withDaemon(['status', '--peers=false', '--self=false'], {
      status: running,
      behaviour: {
        reply: ({ path }) => (path === 'serve-config' ? { status: 200, json: config } : undefined),
      },
    });
    expect(on.out).toBe(
      '\n# Funnel on:\n#     - https://a.example\n#     - https://b.example:8443\n#     - tcp://c.example:22\n\n',
    );
    const broken = await withDaemon(['status', '--peers=false', '--self=false'], {
      status: running,
      behaviour: {
        reply: ({ path }) => (path === 'serve-config' ? { status: 500, text: 'oops' } : undefined),
      },
    });
    expect(broken.out).toBe('\n# Funnel:\n#     - Unable to get Funnel status: oops\n');
  });
});

describe('ip', () => {
  test.each([
    [[], '100.64.0.1\nfd7a:115c:a1e0::1\n'],
    [['-4'], '100.64.0.1\n'],
    [['--6'], 'fd7a:115c:a1e0::1\n'],
    [['-1', 'there'], '100.64.0.2\n'],
    [['THERE', '-4'], '100.64.0.2\n'],
    [['fd7a:115c:a1e0:0::2', '-4'], '100.64.0.2\n'],
    [['--assert=fd7a:115c:a1e0::1'], ''],
  ])('%j prints %j', async (args, want) => {
    expect(await withDaemon(['ip', ...args], { status: running })).toMatchObject({
      exit: 0,
      out: want,
      err: '',
    });
  });

  test.each([
    [['-4', '-6'], 'rhumb ip -1, -4, and -6 are mutually exclusive\n'],
    [['100.64.0.9'], 'no peer or service found with IP 100.64.0.9\n'],
    [['nosuch'], 'no IPs found for "nosuch"\n'],
    [
      ['--assert', '100.64.0.9'],
      'assertion failed: IP "100.64.0.9" not found among [100.64.0.1 fd7a:115c:a1e0::1]\n',
    ],
    [['a', 'b'], 'rhumb ip: too many arguments: "b"\n'],
  ])('%j fails with %j', async (args, want) => {
    expect(await withDaemon(['ip', ...args], { status: running })).toMatchObject({
      exit: 1,
      out: '',
      err: want,
    });
  });

  test('without addresses names the state', async () => {
    expect(await withDaemon(['ip'])).toMatchObject({
      exit: 1,
      err: 'no current Tailscale IPs; state: NeedsLogin\n',
    });
  });

  test('finds the addresses of a service', async () => {
    const services = { 'svc:db': { Name: 'svc:db', Addrs: ['100.100.0.1', 'fd7a:115c:a1e0::99'] } };
    const { out } = await withDaemon(['ip', '100.100.0.1', '-6'], {
      status: running,
      behaviour: { reply: ({ path }) => (path === 'services' ? { status: 200, json: services } : undefined) },
    });
    expect(out).toBe('fd7a:115c:a1e0::99\n');
  });
});

describe('ping', () => {
  const pong = { ...NO_PING, NodeIP: '100.64.0.2', NodeName: 'there', LatencySeconds: 0.0123 };
  const direct = { ...pong, Endpoint: '192.0.2.1:41641' };
  const relayed = { ...pong, DERPRegionID: 1, DERPRegionCode: 'nyc' };

  test('stops at the first direct reply', async () => {
    const replies = [relayed, direct, direct];
    const { exit, out, daemon } = await withDaemon(['ping', 'there'], {
      status: running,
      behaviour: { ping: () => replies.shift() },
    });
    expect({ exit, out }).toEqual({
      exit: 0,
      out:
        'pong from there (100.64.0.2) via DERP(nyc) in 12ms\n' +
        'pong from there (100.64.0.2) via 192.0.2.1:41641 in 12ms\n',
    });
    expect(daemon.sequence).toEqual([
      'GET status',
      'POST ping?ip=100.64.0.2&size=0&type=disco',
      'POST ping?ip=100.64.0.2&size=0&type=disco',
    ]);
  });

  test('fails when no reply was direct', async () => {
    const { exit, out, err } = await withDaemon(['ping', '-c', '2', '100.64.0.2'], {
      status: running,
      behaviour: { ping: () => relayed },
    });
    expect(out.match(/DERP\(nyc\)/g)).toHaveLength(2);
    expect({ exit, err }).toEqual({ exit: 1, err: 'direct connection not established\n' });
  });

  test('is content with relayed replies when told', async () => {
    const { exit, err } = await withDaemon(['ping', '-c=1', '--until-direct=false', '100.64.0.2'], {
      status: running,
      behaviour: { ping: () => relayed },
    });
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
  });

  test('without a reply times out and says so', async () => {
    const clock = testClock();
    const { exit, out, err } = await withDaemon(['ping', '-c', '2', '100.64.0.2'], {
      status: running,
      world: { clock },
      behaviour: {
        ping: () => {
          clock.expire();
          return undefined;
        },
      },
    });
    expect(out).toBe('ping "100.64.0.2" timed out\nping "100.64.0.2" timed out\n');
    expect({ exit, err }).toEqual({ exit: 1, err: 'no reply\n' });
  });

  test.each([
    [['--tsmp'], 'TSMP', 'pong from there (100.64.0.2, 4000) via TSMP in 12ms\n'],
    [['--icmp'], 'ICMP', 'pong from there (100.64.0.2, 4000) via ICMP in 12ms\n'],
    [['--peerapi'], 'peerapi', 'hit peerapi of 100.64.0.2 (there) at http://100.64.0.2:4000 in 12ms\n'],
  ])('%j pings once as %s', async (args, kind, want) => {
    const { exit, out, daemon } = await withDaemon(['ping', ...args, 'there.net.example.'], {
      status: running,
      behaviour: { ping: () => ({ ...pong, PeerAPIPort: 4000, PeerAPIURL: 'http://100.64.0.2:4000' }) },
    });
    expect({ exit, out }).toEqual({ exit: 0, out: want });
    expect(daemon.sequence[1]).toBe(`POST ping?ip=100.64.0.2&size=0&type=${kind}`);
  });

  test('knows itself by name without asking, by address from the daemon', async () => {
    const byName = await withDaemon(['ping', 'here'], { status: running });
    expect(byName).toMatchObject({ exit: 0, out: '100.64.0.1 is local Tailscale IP\n' });
    const byIp = await withDaemon(['ping', '100.64.0.1'], {
      status: running,
      behaviour: { ping: () => ({ ...NO_PING, Err: '100.64.0.1 is local Tailscale IP', IsLocalIP: true }) },
    });
    expect(byIp).toMatchObject({ exit: 0, out: '100.64.0.1 is local Tailscale IP\n' });
  });

  test('passes on why there is no such peer', async () => {
    const { exit, err } = await withDaemon(['ping', '100.64.0.9'], {
      status: running,
      behaviour: { ping: () => ({ ...NO_PING, Err: 'no matching peer' }) },
    });
    expect({ exit, err }).toEqual({ exit: 1, err: 'no matching peer\n' });
  });

  test('needs a running network and one host', async () => {
    expect(await withDaemon(['ping', 'there'])).toMatchObject({ exit: 1, out: 'Logged out.\n' });
    expect(await withDaemon(['ping'])).toMatchObject({
      exit: 1,
      err: 'usage: rhumb ping <name or address>\n',
    });
  });

  test('asks the resolver of the system for other names', async () => {
    const { out } = await withDaemon(['ping', 'router.lan'], {
      status: running,
      world: { lookup: async () => ['100.64.0.2'] },
      behaviour: { ping: () => direct },
    });
    expect(out).toContain('via 192.0.2.1:41641');
    const unknown = await withDaemon(['ping', 'nosuch'], {
      status: running,
      world: { lookup: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) },
    });
    expect(unknown.err).toBe('error looking up IP of "nosuch": no such host\n');
  });
});

describe('whois and version', () => {
  const reply = {
    Node: {
      ID: 2,
      StableID: 'n2',
      Name: 'there.net.example.',
      User: 5,
      Key: PEER_KEY,
      Addresses: ['100.64.0.2/32'],
    },
    UserProfile: { ID: 5, LoginName: 'bob@example.com', DisplayName: 'Bob' },
    CapMap: null,
  };
  const answers = (json: unknown): Behaviour => ({
    reply: ({ path }) => (path.startsWith('whois') ? { status: 200, json } : undefined),
  });

  test('whois prints the machine and its user', async () => {
    const { exit, out, daemon } = await withDaemon(['whois', '--proto=tcp', '100.64.0.2:80'], {
      behaviour: answers(reply),
    });
    expect({ exit, out }).toEqual({
      exit: 0,
      out: [
        'Machine:',
        '  Name:          there.net.example',
        '  ID:            n2',
        '  Addresses:     [100.64.0.2/32]',
        'User:',
        '  Name:     bob@example.com',
        '  ID:       5',
        '',
      ].join('\n'),
    });
    expect(daemon.sequence).toEqual(['GET whois?addr=100.64.0.2%3A80&proto=tcp']);
  });

  test('whois --json prints what the daemon sent', async () => {
    const { out } = await withDaemon(['whois', '--json', '100.64.0.2'], { behaviour: answers(reply) });
    expect(out.endsWith('  "CapMap": null\n}\n')).toBe(true);
    expect(JSON.parse(out)).toEqual(reply);
  });

  test('whois of nobody', async () => {
    const { exit, err } = await withDaemon(['whois', '100.64.0.9'], {
      behaviour: { reply: () => ({ status: 404, text: 'no match for IP:port' }) },
    });
    expect({ exit, err }).toEqual({ exit: 1, err: 'peer not found\n' });
    expect(await withDaemon(['whois'])).toMatchObject({
      exit: 1,
      err: 'missing argument, expected one peer\n',
    });
  });

  test('version needs no daemon unless asked for it', async () => {
    expect((await runCli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n {2}long version: /);
    const { out } = await withDaemon(['version', '--daemon'], {
      status: { ...running, Version: '1.2.3-tabc' },
    });
    expect(out).toMatch(/^Client: \d[\s\S]*\nDaemon: 1\.2\.3-tabc\n$/);
    const json = await withDaemon(['version', '--daemon', '--json'], {
      status: { ...running, Version: '1.2.3' },
    });
    expect(JSON.parse(json.out)).toMatchObject({ daemonLong: '1.2.3', cap: expect.any(Number) });
    expect(json.out).toContain('\n\t"short"');
  });
});

test('a machine that nobody knows is answered with one of a name like it', async () => {
  const lookup = async () => {
    throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
  };
  const { exit, err } = await withDaemon(['ping', 'tehre'], { status: running, world: { lookup } });
  expect({ exit, err }).toEqual({
    exit: 1,
    err: 'error looking up IP of "tehre": no such host; did you mean "there"?\n',
  });
});

describe('web', () => {
  const URL = 'http://127.0.0.1:4711/#t=AAAAAAAAAAAAAAAAAAAA';
  const web = async (isRoot: boolean): Promise<{ exit: number; out: string; opened: string[] }> => {
    const opened: string[] = [];
    const openUrl = async (url: string): Promise<boolean> => opened.push(url) > 0;
    const { exit, out } = await withDaemon(['web'], {
      world: { isRoot, openUrl },
      behaviour: { reply: ({ path }) => (path === 'rhumb/web' ? { status: 200, json: { URL } } : undefined) },
    });
    return { exit, out, opened };
  };

  test('opens the link that it prints', async () => {
    expect(await web(false)).toEqual({ exit: 0, out: `${URL}\n`, opened: [URL] });
  });

  test('root’s link, which lets anybody in, is given to no program: others read its arguments', async () => {
    expect(await web(true)).toEqual({ exit: 0, out: `${URL}\n`, opened: [] });
  });
});
