/** Tests of `netcheck` and `debug derp-map`: servers and sockets on the loopback, the rest of the network made up. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#shared/node/clock.ts';
import { openStunSockets } from '#shared/node/stun-sockets.ts';
import type { OpenProbes } from '#shared/probing/probes.ts';
import { decodeRequest, encodeResponse } from '#shared/stun/stun.ts';
import { withDaemon } from './testing/two-machines.ts';

/** On the loopback alone, whatever the command asks for. */
const loopback: OpenProbes = async (options) => {
  const sockets = await openStunSockets({ ...options, bindAddress: options.bindAddress ?? '127.0.0.1' });
  return {
    netcheck: { stun: sockets, osHasIpv6: () => false },
    localIps: ['192.168.1.2'],
    failures: sockets.failures,
    hasUdp: sockets.isOpen,
    [Symbol.asyncDispose]: () => sockets[Symbol.asyncDispose](),
  };
};

async function stunServer(mappedPort: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (data, { port, address }) => {
    const request = decodeRequest(data);
    const mapped = { ip: '203.0.113.7', port: mappedPort };
    if (request !== undefined) socket.send(encodeResponse(request.txId, mapped), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

const mapFor = (servers: readonly Socket[]): unknown => ({
  Regions: Object.fromEntries(
    servers.map((server, at) => [
      at + 1,
      {
        RegionID: at + 1,
        RegionCode: `r${at + 1}`,
        RegionName: `<Place ${at + 1}>`,
        Nodes: [
          {
            Name: `${at + 1}a`,
            RegionID: at + 1,
            HostName: 'relay.example',
            STUNTestIP: '127.0.0.1',
            STUNPort: server.address().port,
          },
        ],
      },
    ]),
  ),
});

interface Setting {
  readonly mappedPorts?: readonly number[];
  readonly map?: unknown;
}

async function netcheck(argv: readonly string[], setting: Setting = {}) {
  const servers = await Promise.all((setting.mappedPorts ?? []).map(stunServer));
  const map = setting.map ?? mapFor(servers);
  try {
    return await withDaemon(argv, {
      behaviour: { reply: (call) => (call.path === 'derpmap' ? { status: 200, json: map } : undefined) },
      world: { clock: systemClock(), openProbes: loopback },
    });
  } finally {
    for (const server of servers) server.close();
  }
}

describe('netcheck', () => {
  test('prints the report and what it means', async () => {
    const { exit, out, err, daemon } = await netcheck(['netcheck'], { mappedPorts: [4_000, 4_000, 4_000] });
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(daemon.sequence).toEqual(['GET derpmap']);
    const lines = out.split('\n');
    expect(lines.slice(0, 2)).toEqual(['', 'Report:']);
    expect(lines[2]).toMatch(/^\t\* Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    expect(lines.slice(3, 8)).toEqual([
      '\t* UDP: true',
      '\t* IPv4: yes, 203.0.113.7:4000',
      '\t* IPv6: no, unavailable in OS',
      '\t* MappingVariesByDestIP: false',
      '\t* PortMapping: not checked',
    ]);
    expect(out).toMatch(/\t\* DERP latency:\n(?:\t\t- {2}r\d: \S+ +\(<Place \d>\)\n){3}\nWhat it means:\n/);
    expect(out).toContain('The NAT is easy');
  });

  test('a hard NAT is called one', async () => {
    const { out } = await netcheck(['netcheck', '--verbose'], { mappedPorts: [4_000, 4_001, 4_002] });
    expect(out).toContain('\t* MappingVariesByDestIP: true\n');
    expect(out).toContain('(derp1, <Place 1>)');
    expect(out).toContain('The NAT is hard');
  });

  test.each([
    ['json', /^\{\n\t"Now": "[^"]+",\n\t"UDP": true,/],
    ['json-line', /^\{"Now":"[^"]+","UDP":true,.*\}\n$/],
  ])('--format %s', async (format, want) => {
    const { out, err } = await netcheck(['netcheck', '--format', format], { mappedPorts: [4_000] });
    expect(out).toMatch(want);
    expect(JSON.parse(out)).toMatchObject({ PreferredDERP: 1, GlobalV4: '203.0.113.7:4000' });
    expect(err).toBe('# Warning: this JSON format is not yet considered a stable interface\n');
  });

  test('a daemon without relays, with what to do', async () => {
    for (const map of [null, { Regions: null }, { Regions: {} }, { Regions: { 1: null } }]) {
      const { exit, err } = await netcheck(['netcheck'], { map });
      expect(exit).toBe(1);
      expect(err).toMatch(/^rhumbd knows no relays: .*'rhumb up'/);
    }
  });

  test('a malformed map is one line', async () => {
    const { exit, err } = await netcheck(['netcheck'], { map: { Regions: 5 } });
    expect({ exit, err }).toEqual({ exit: 1, err: "derpmap: the daemon's reply is malformed\n" });
  });

  test('without a UDP socket it says so and reports what is left', async () => {
    const { exit, out, err } = await netcheck(['netcheck', '--bind-address=192.0.2.1'], { mappedPorts: [1] });
    expect({ exit, err }).toEqual({
      exit: 0,
      err: 'netcheck: UDP test failure: udp4: network is unreachable\n',
    });
    expect(out).toContain('\t* UDP: false\n');
    expect(out).toContain('No relay answered by any means');
  });

  test.each([
    [['--bind-port=70000'], 'invalid bind port number: 70000\n'],
    [['--bind-address=here'], 'invalid bind address: "here"\n'],
    [['--format=xml'], 'unknown output format "xml": want json or json-line\n'],
  ])('refuses %o', async (flags, text) => {
    const { exit, err } = await netcheck(['netcheck', ...flags]);
    expect(exit).not.toBe(0);
    expect(err).toBe(text);
  });
});

describe('debug derp-map', () => {
  test('prints the map as it is, unknown fields too', async () => {
    const map = { Regions: { '10': { RegionID: 10, New: '<' }, '9': null } };
    const { exit, out } = await netcheck(['debug', 'derp-map'], { map });
    expect(exit).toBe(0);
    expect(out).toBe(
      '{\n\t"Regions": {\n\t\t"10": {\n\t\t\t"RegionID": 10,\n\t\t\t"New": "\\u003c"\n\t\t},\n\t\t"9": null\n\t}\n}\n',
    );
  });

  test.each([
    [[], /^rhumb debug: missing subcommand: prefs, /],
    [['constructor'], /^rhumb debug: unknown subcommand: constructor; see rhumb debug --help\n$/],
    [['derp'], /^usage: rhumb debug derp <region>\n$/],
  ])('wants a subject: %j', async (args, message) => {
    const { exit, err } = await netcheck(['debug', ...args]);
    expect(exit).toBe(1);
    expect(err).toMatch(message);
  });
});
