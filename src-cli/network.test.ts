/** Tests of the commands about the network: exit nodes, names, metrics, routers, connectors. */
import { encode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import type { FakeCall } from './testing/fake-daemon.ts';
import { runCli, testClock } from './testing/run-cli.ts';
import { loggedIn, peer, running, withDaemon } from './testing/two-machines.ts';

/** A daemon that answers one path. */
const answering = (path: string, json: unknown, status = 200) => ({
  reply: (call: FakeCall) => (call.path.split('?')[0] === path ? { status, json } : undefined),
});

const exit = (name: string, more: Partial<PeerStatus> = {}): PeerStatus => ({
  ...peer,
  DNSName: `${name}.net.example.`,
  TailscaleIPs: ['100.64.0.9'],
  ExitNodeOption: true,
  ...more,
});
const place = (Country: string, City: string, Priority: number) => ({
  Location: { Country, CountryCode: Country, City, CityCode: City, Priority, Latitude: 0, Longitude: 0 },
});
const withExits = (...peers: readonly PeerStatus[]): Status => ({
  ...running,
  Peer: Object.fromEntries(peers.map((one, at) => [`nodekey:${String(at).padStart(64, '0')}`, one])),
});

/** The columns of each machine. */
const listed = (out: string): readonly (readonly string[])[] =>
  out
    .split('\n')
    .filter((line) => line.startsWith(' 100.'))
    .map((line) => line.trim().split(/ {2,}/).slice(1));

describe('exit-node list', () => {
  test('machines without a place are all shown, in order of name', async () => {
    const status = withExits(exit('b', { ExitNode: true, Active: true }), exit('a', { Online: false }));
    const { out } = await withDaemon(['exit-node', 'list'], { status });
    expect(listed(out)).toEqual([
      ['a.net.example', '-', '-', 'offline'],
      ['b.net.example', '-', '-', 'selected'],
    ]);
    expect(out).toMatch(/^\n IP {13}HOSTNAME {10}COUNTRY {5}CITY {6}STATUS {7}\n/);
    expect(out).not.toContain('exit-node suggest');
  });

  test('of each city the best is shown, and the best of a country with several first', async () => {
    const status = withExits(
      exit('z1', place('Z', 'Zed', 1)),
      exit('a1', place('A', 'Ay', 1)),
      exit('a2', place('A', 'Ay', 5)),
      exit('a3', place('A', 'Be', 9)),
      exit('plain'),
    );
    const { out } = await withDaemon(['exit-node', 'list'], { status });
    expect(listed(out)).toEqual([
      ['plain.net.example', '-', '-', '-'],
      ['a3.net.example', 'A', 'Any', '-'],
      ['a2.net.example', 'A', 'Ay', '-'],
      ['a3.net.example', 'A', 'Be', '-'],
      ['z1.net.example', 'Z', 'Zed', '-'],
    ]);
    const all = await withDaemon(['exit-node', 'list', '--filter=a'], { status });
    expect(listed(all.out).map(([name]) => name)).toEqual([
      'a3.net.example',
      'a2.net.example',
      'a1.net.example',
      'a3.net.example',
    ]);
  });

  test('a place with line breaks and tabs in its name makes no line of its own', async () => {
    const status = withExits(exit('a', place('A\n100.64.0.1\tgood', 'Ay\r\nx', 1)));
    const { out } = await withDaemon(['exit-node', 'list'], { status });
    expect(listed(out)).toEqual([['a.net.example', 'A 100.64.0.1 good', 'Ay x', '-']]);
  });

  test('none at all, and none of a country', async () => {
    expect(await withDaemon(['exit-node', 'list'], { status: running })).toMatchObject({
      exit: 1,
      err: 'no exit nodes found\n',
    });
    const status = withExits(exit('a'));
    expect(await withDaemon(['exit-node', 'list', '--filter=X'], { status })).toMatchObject({
      exit: 1,
      err: 'no exit nodes found for "X"\n',
    });
  });
});

describe('exit-node suggest', () => {
  const suggest = (json: unknown, status = 200) =>
    withDaemon(['exit-node', 'suggest'], { behaviour: answering('suggest-exit-node', json, status) });

  test('says what to do with the suggestion', async () => {
    expect((await suggest({ ID: 'n1', Name: 'exit.net.example.' })).out).toBe(
      'Suggested exit node: exit.net.example.\nTo accept this suggestion, use `rhumb set --exit-node=exit.net.example.`.\n',
    );
    expect((await suggest({ ID: '', Name: '' })).out).toBe('No exit node suggestion is available.\n');
  });

  test('trouble is told with what was asked', async () => {
    expect(await suggest({ error: 'no netmap' }, 500)).toMatchObject({
      exit: 1,
      err: 'suggest exit node: no netmap\n',
    });
    expect((await suggest({ ID: 5 })).err).toContain('malformed');
  });
});

describe('dns query', () => {
  const reply = (answer: Parameters<typeof encode>[0]) => ({
    Bytes: encode({ type: 'response', ...answer }).toString('base64'),
    Resolvers: [{ Addr: '9.9.9.9' }],
  });
  const query = (json: unknown, ...args: string[]) =>
    withDaemon(['dns', 'query', ...args], { behaviour: answering('dns-query', json) });

  test('answers are a table', async () => {
    const { out, daemon } = await query(
      reply({
        answers: [
          { type: 'CNAME', name: 'a.example', ttl: 60, data: 'b.example' },
          { type: 'A', name: 'b.example', ttl: 60, data: '192.0.2.1' },
          { type: 'TXT', name: 'b.example', ttl: 60, data: ['x "y"', 'z'] },
          { type: 'MX', name: 'b.example', ttl: 60, data: { preference: 10, exchange: 'mx.example' } },
          {
            type: 'SRV',
            name: 'b.example',
            ttl: 60,
            data: { target: 't.example', port: 1, priority: 2, weight: 3 },
          },
        ],
      }),
      'a.example',
      'a',
    );
    expect(daemon.sequence).toEqual(['GET dns-query?name=a.example&type=A']);
    expect(out.split('\n')).toEqual([
      'DNS query for "a.example" (A) using internal resolver:',
      '',
      'Forwarding to resolver: 9.9.9.9',
      '',
      'Response code: RCodeSuccess',
      '',
      'Name        TTL  Class      Type       Body',
      '----        ---  -----      ----       ----',
      'a.example.  60   ClassINET  TypeCNAME  b.example.',
      'b.example.  60   ClassINET  TypeA      192.0.2.1',
      'b.example.  60   ClassINET  TypeTXT    ["x \\"y\\"" "z"]',
      'b.example.  60   ClassINET  TypeMX     mx.example. (Priority=10)',
      'b.example.  60   ClassINET  TypeSRV    Target=t.example., Port=1, Priority=2, Weight=3',
      '',
      '',
    ]);
  });

  test('a name that does not exist has no answers', async () => {
    const nx = { Bytes: Buffer.from([0, 0, 0x81, 0x83, 0, 0, 0, 0, 0, 0, 0, 0]).toString('base64') };
    const { out } = await query(nx, 'nx.example');
    expect(out).toContain('Response code: RCodeNameError\n\nNo answers were returned.\n');
    expect(JSON.parse((await query(nx, '--json', 'nx.example')).out)).toEqual({
      Name: 'nx.example',
      QueryType: 'A',
      ResponseCode: 'RCodeNameError',
    });
  });

  test.each([
    ['too short', { Bytes: 'AAAA' }, 'failed to parse DNS response'],
    [
      'cut off',
      { Bytes: Buffer.from([0, 0, 0x81, 0x80, 0, 0, 0, 9, 0, 0, 0, 0]).toString('base64') },
      'failed to parse DNS answers',
    ],
    ['no base64', { Bytes: '!' }, 'malformed'],
  ])('an answer that is %s is an error', async (_what, json, message) => {
    const { exit: status, err } = await query(json, 'x.example');
    expect(status).toBe(1);
    expect(err).toContain(message);
  });
});

describe('dns status', () => {
  const tailnet = { Name: 'net', MagicDNSSuffix: 'net.example', MagicDNSEnabled: true };
  const status: Status = { ...running, CurrentTailnet: tailnet };
  const behaviour = {
    reply: ({ path }: FakeCall) =>
      path === 'dns-config'
        ? {
            status: 200,
            json: {
              Resolvers: [{ Addr: 'https://dns.example', BootstrapResolution: ['192.0.2.53'] }],
              Routes: { 'b.example': [{ Addr: '10.0.0.1' }], 'a.example': [{ Addr: '10.0.0.2' }] },
              Domains: ['net.example'],
            },
          }
        : path === 'dns-osconfig'
          ? { status: 500, text: 'not supported' }
          : undefined,
  };

  test('shows what the network says, and that the system cannot be read', async () => {
    const { out } = await withDaemon(['dns', 'status', '--all'], { behaviour, status, prefs: loggedIn });
    expect(out).toContain('MagicDNS: enabled tailnet-wide (suffix = net.example)\n');
    expect(out).toContain('  - https://dns.example (bootstrap: [192.0.2.53])\n');
    expect(out).toContain(`  - ${'a.example'.padEnd(30)} -> 10.0.0.2\n  - b.example`);
    expect(out).toContain('(reading the system DNS configuration is not supported on this platform)\n');
    expect(out).toContain('Certificate Domains:\n  (no certificate domains are configured)\n');
  });

  test('as JSON, what the network does not say is absent', async () => {
    const { out } = await withDaemon(['dns', 'status', '--json'], { behaviour, status, prefs: loggedIn });
    expect(Object.keys(JSON.parse(out))).toEqual([
      'TailscaleDNS',
      'CurrentTailnet',
      'Resolvers',
      'SplitDNSRoutes',
      'SearchDomains',
      'SystemDNSError',
    ]);
  });

  test('without a network there is little to tell', async () => {
    const { out, daemon } = await withDaemon(['dns', 'status'], { status: running });
    expect(out).toContain("make sure you're logged in to a tailnet.\n");
    expect(daemon.sequence).toEqual(['GET status', 'GET prefs']);
  });
});

test('metrics are printed as they are, or written in one step', async () => {
  const behaviour = {
    reply: ({ path }: FakeCall) => (path === 'usermetrics' ? { status: 200, text: 'a 1' } : undefined),
  };
  for (const args of [['metrics'], ['metrics', 'print']])
    expect((await withDaemon(args, { behaviour })).out).toBe('a 1\n');
  const written: unknown[] = [];
  const world = { writeFile: async (...file: unknown[]) => void written.push(file) };
  await withDaemon(['metrics', 'write', '/x.prom'], { behaviour, world });
  expect(written).toEqual([['/x.prom', 'a 1\n', 0o644]]);
  expect((await withDaemon(['metrics', 'frob'], { behaviour })).err).toContain('unknown subcommand: frob');
});

describe('routecheck', () => {
  const report = {
    done: '2026-01-02T03:04:05Z',
    reachable: [
      { id: 2, name: 'b.net.example.', addr: '100.64.0.2', routes: ['10.0.0.0/8', '10.1.0.0/16'] },
      { id: 1, name: 'a.net.example.', addr: '100.64.0.1', routes: ['10.0.0.0/8'] },
    ],
  };
  test('only routes with a choice are shown', async () => {
    const { out } = await withDaemon(['routecheck'], { behaviour: answering('routecheck', report) });
    expect(
      out
        .split('\n')
        .slice(3, 6)
        .map((line) => line.trim().split(/ +/)),
    ).toEqual([
      ['PREFIX', 'IP', 'HOSTNAME'],
      ['10.0.0.0/8', '100.64.0.1', 'a.net.example'],
      ['10.0.0.0/8', '100.64.0.2', 'b.net.example'],
    ]);
  });
  test.each([
    [204, 'routecheck: report unavailable\n'],
    [404, 'routecheck: the daemon does not check routes\n'],
  ])('status %i', async (status, err) => {
    expect(
      await withDaemon(['routecheck'], { behaviour: answering('routecheck', undefined, status) }),
    ).toMatchObject({ exit: 1, err });
  });
});

describe('appc-routes', () => {
  const prefs = { ...loggedIn, AppConnector: { Advertise: true }, AdvertiseRoutes: ['10.0.0.0/8'] };
  const behaviour = answering('appc-route-info', {
    Control: ['10.9.0.0/16'],
    Domains: { 'few.example': ['192.0.2.1'], 'most.example': ['192.0.2.2', '192.0.2.3'] },
  });
  test.each([
    [[], 'most.example 2\nfew.example  1\n'],
    [['-n'], '1\n'],
    [['--map'], '{"few.example":["192.0.2.1"],"most.example":["192.0.2.2","192.0.2.3"]}\n'],
  ])('%j', async (args, out) => {
    expect(await withDaemon(['appc-routes', ...args], { behaviour, prefs })).toMatchObject({ exit: 0, out });
  });
  test('a machine that is none says so', async () => {
    expect((await withDaemon(['appc-routes'], { prefs: loggedIn })).out).toBe('not a connector\n');
  });
});

describe('wait', () => {
  const world = { localIps: () => ['100.64.0.1'] };
  test('ends once the address is there', async () => {
    const behaviour = {
      watch: (daemon: { send: (message: object) => void }) => daemon.send({ State: 6 }),
    };
    const { exit: status, out } = await withDaemon(['wait'], {
      behaviour,
      status: { ...running, TUN: true },
      world,
    });
    expect({ status, out }).toEqual({ status: 0, out: '' });
  });

  test('gives up when told to', async () => {
    const clock = testClock();
    const waiting = runCli(['--socket=/nonexistent/x.sock', 'wait', '--timeout=1s'], {
      clock: {
        ...clock,
        sleep: async (_ms, signal) => {
          clock.expire();
          signal?.throwIfAborted();
        },
      },
    });
    expect(await waiting).toMatchObject({
      exit: 1,
      err: 'timeout waiting for the network to be ready; see rhumb status\n',
    });
  });
});
