/** Reports as text and JSON, line for line (localapi-and-daemon.md §4.8), and what they mean in words. */
import { describe, expect, test } from 'vitest';
import { reportJson } from './json.ts';
import { natKind, natWords } from './nat-words.ts';
import { type NetReport, newDraft } from './report.ts';
import { mapOf } from './testing/fake-servers.ts';
import { localTime, renderReport, shortDuration } from './text.ts';

const map = mapOf(
  { 1: 1, 2: 1, 10: 1, 4: 1 },
  {
    region: {
      1: { RegionCode: 'fra', RegionName: 'Frankfurt' },
      2: { RegionCode: 'nyc', RegionName: 'New York City' },
      10: { RegionCode: 'sfo', RegionName: 'San <Francisco>' },
      4: { RegionCode: 'x', RegionName: 'Far' },
    },
  },
);
const good: NetReport = {
  ...newDraft(),
  nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 670),
  udp: true,
  ipv4: true,
  ipv6: true,
  ipv4CanSend: true,
  ipv6CanSend: true,
  osHasIpv6: true,
  mappingVariesByDestIp: false,
  upnp: true,
  pmp: false,
  pcp: true,
  preferredDerp: 2,
  regionLatencyMs: new Map([
    [10, 20.44],
    [2, 0.62],
    [1, 10],
  ]),
  regionV4LatencyMs: new Map([
    [10, 20.44],
    [2, 0.62],
  ]),
  globalV4: { ip: '203.0.113.7', port: 41_641 },
  globalV6: { ip: '2001:db8::1', port: 41_641 },
  globalV4Counters: new Map([
    ['203.0.113.7:41641', { addr: { ip: '203.0.113.7', port: 41_641 }, count: 2 }],
    ['203.0.113.7:1', { addr: { ip: '203.0.113.7', port: 1 }, count: 1 }],
  ]),
};
const bad: NetReport = { ...newDraft(), nowMs: Date.UTC(2026, 0, 2, 3, 4, 5) };
const utc = { isVerbose: false, utcOffsetMin: () => 0 };

describe('text', () => {
  test('of a network where all is well', () => {
    expect(renderReport(map, good, { isVerbose: false, utcOffsetMin: () => 60 })).toBe(`
Report:
	* Time: 2026-01-02 04:04:05.67+01:00
	* UDP: true
	* IPv4: yes, 203.0.113.7:41641
	* IPv6: yes, [2001:db8::1]:41641
	* MappingVariesByDestIP: false
	* PortMapping: UPnP, PCP
	* Nearest DERP: New York City
	* DERP latency:
		- nyc: 600µs   (New York City)
		- fra: 10ms    (Frankfurt)
		- sfo: 20.4ms  (San <Francisco>)
		-   x:         (Far)
`);
  });

  test('verbose shows the numbers of regions', () => {
    expect(renderReport(map, good, { ...utc, isVerbose: true })).toContain(
      '\t\t- nyc: 600µs   (derp2, New York City)\n',
    );
  });

  test('of a network where nothing is', () => {
    expect(renderReport(map, bad, utc)).toBe(`
Report:
	* Time: 2026-01-02 03:04:05Z
	* UDP: false
	* IPv4: (no addr found)
	* IPv6: no, unavailable in OS
	* MappingVariesByDestIP: ${''}
	* PortMapping: not checked
	* Nearest DERP: unknown (no response to latency probes)
`);
  });

  test.each([
    [{ osHasIpv6: true }, '\t* IPv6: no, but OS has support\n'],
    [{ ipv6: true }, '\t* IPv6: (no addr found)\n'],
    [{ upnp: false, pmp: false, pcp: false }, '\t* PortMapping: \n'],
    [{ pmp: true }, '\t* PortMapping: NAT-PMP\n'],
    [{ captivePortal: true }, '\t* CaptivePortal: true\n'],
    [{ mappingVariesByDestIp: true }, '\t* MappingVariesByDestIP: true\n'],
    [{ regionLatencyMs: new Map([[1, 1]]) }, '\t* Nearest DERP: [none]\n'],
    [
      { regionLatencyMs: new Map([[1, 1]]), preferredDerp: 77 },
      '\t* Nearest DERP: 77 (region not found in map)\n',
    ],
  ])('%o gives %o', (change, line) => {
    expect(renderReport(map, { ...bad, ...change }, utc)).toContain(line);
  });

  test.each([
    [0, '0s'],
    [0.04, '0s'],
    [0.05, '100µs'],
    [0.94, '900µs'],
    [0.96, '1ms'],
    [12.34, '12.3ms'],
    [999.96, '1s'],
    [1_234.56, '1.2346s'],
    [61_500, '1m1.5s'],
  ])('%d ms is %s', (ms, text) => {
    expect(shortDuration(ms)).toBe(text);
  });

  test.each([
    [0, '2026-01-02 03:04:05.67Z'],
    [-210, '2026-01-01 23:34:05.67-03:30'],
    [765, '2026-01-02 15:49:05.67+12:45'],
  ])('%d minutes from UTC: %s', (offset, text) => {
    expect(localTime(good.nowMs, offset)).toBe(text);
  });
});

describe('JSON', () => {
  test('has the order, units and unknowns of the official client', () => {
    expect(reportJson(good, '')).toBe(
      '{"Now":"2026-01-02T03:04:05.67Z","UDP":true,"IPv6":true,"IPv4":true,"IPv6CanSend":true,' +
        '"IPv4CanSend":true,"OSHasIPv6":true,"ICMPv4":false,"MappingVariesByDestIP":false,"UPnP":true,' +
        '"PMP":false,"PCP":true,"PreferredDERP":2,"RegionLatency":{"1":10000000,"10":20440000,"2":620000},' +
        '"RegionV4Latency":{"10":20440000,"2":620000},"RegionV6Latency":{},' +
        '"GlobalV4Counters":{"203.0.113.7:1":1,"203.0.113.7:41641":2},"GlobalV6Counters":null,' +
        '"GlobalV4":"203.0.113.7:41641","GlobalV6":"[2001:db8::1]:41641","CaptivePortal":null}',
    );
  });

  test('indents, and is JSON either way', () => {
    const text = reportJson(good, '\t');
    expect(text.split('\n').slice(0, 3)).toEqual([
      '{',
      '\t"Now": "2026-01-02T03:04:05.67Z",',
      '\t"UDP": true,',
    ]);
    expect(text).toContain('\t"RegionV6Latency": {},\n');
    expect(JSON.parse(text)).toEqual(JSON.parse(reportJson(good, '')));
    expect(JSON.parse(reportJson(bad, ''))).toMatchObject({ UPnP: null, GlobalV4: '', CaptivePortal: null });
  });
});

describe('words', () => {
  const at = (change: Partial<NetReport>, localIps: readonly string[] = ['192.168.1.2']) => ({
    report: { ...good, upnp: false, pcp: false, ipv6: false, ...change },
    localIps,
  });

  test.each([
    ['udp-blocked', at({ udp: false })],
    ['no-answer', at({ udp: false, regionLatencyMs: new Map() })],
    ['none', at({}, ['203.0.113.7'])],
    ['easy', at({})],
    ['hard', at({ mappingVariesByDestIp: true })],
    ['unknown', at({ mappingVariesByDestIp: undefined })],
    ['only-ipv6', at({ globalV4: undefined, ipv6: true })],
  ] as const)('the kind is %s', (kind, facts) => {
    expect(natKind(facts)).toBe(kind);
    expect(natWords(facts)[0]).toMatch(/^[A-Z].*\.$/);
  });

  test('a hard NAT says what helps, unless the router maps ports', () => {
    expect(natWords(at({ mappingVariesByDestIp: true }))[1]).toContain('UPnP or NAT-PMP');
    expect(natWords(at({ mappingVariesByDestIp: true, pcp: true }))[1]).toContain('maps ports on request');
  });

  test('a portal comes first', () => {
    expect(natWords(at({ udp: false, captivePortal: true }))[0]).toContain('sign in');
  });

  test('a router that reflects, one that does not, and where none is', () => {
    expect(natWords(at({ hairpin: true })).at(-1)).toMatch(/^The router reflects/);
    expect(natWords(at({ hairpin: false })).at(-1)).toMatch(/^The router does not reflect/);
    expect(natWords(at({ hairpin: true }, ['203.0.113.7'])).join(' ')).not.toContain('reflect');
  });

  test('behind a carrier’s NAT without a router between', () => {
    expect(natWords(at({}, ['100.64.3.4'])).join(' ')).toContain('provider');
    expect(natWords(at({})).join(' ')).not.toContain('provider');
  });
});
