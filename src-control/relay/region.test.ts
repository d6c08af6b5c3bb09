/** Where the embedded relay listens and how the relay map tells of it. */
import { describe, expect, test } from 'vitest';
import { derpMap } from '#shared/wire/map.ts';
import { planRelay } from './plan.ts';
import { type EmbeddedPlace, embeddedMap } from './region.ts';

const PLACE: EmbeddedPlace = {
  regionId: 999,
  regionCode: 'rhumb',
  regionName: 'Embedded relay',
  host: 'vpn.example.com',
  port: 443,
  certName: undefined,
  ipv4: undefined,
  ipv6: undefined,
  stunPorts: [3_478],
};
const nodeOf = (place: Partial<EmbeddedPlace>, region = 999) =>
  embeddedMap({ ...PLACE, ...place }).Regions?.[region]?.Nodes?.[0];

describe('the regions', () => {
  test('with a name and the usual ports there is little to say', () => {
    expect(JSON.parse(JSON.stringify(embeddedMap(PLACE)))).toEqual({
      Regions: {
        999: {
          RegionID: 999,
          RegionCode: 'rhumb',
          RegionName: 'Embedded relay',
          Nodes: [{ Name: '999a', RegionID: 999, HostName: 'vpn.example.com', IPv6: 'none' }],
        },
      },
      omitDefaultRegions: true,
    });
  });

  test.each([
    ['an IPv4 address', { host: '192.0.2.1' }, { IPv4: '192.0.2.1', IPv6: 'none' }],
    ['an IPv6 address', { host: '2001:db8::1' }, { IPv4: 'none', IPv6: '2001:db8::1' }],
    ['an address of its own', { ipv6: '2001:db8::1' }, { IPv6: '2001:db8::1' }],
    ['other ports', { port: 8_443, stunPorts: [4_000] }, { DERPPort: 8_443, STUNPort: 4_000 }],
    ['no STUN', { stunPorts: [] }, { STUNPort: -1 }],
    ['its own certificate', { certName: 'sha256-raw:ab' }, { CertName: 'sha256-raw:ab' }],
  ])('%s', (_, place, wanted) => expect(nodeOf(place)).toMatchObject(wanted));

  test('further STUN ports make regions of the same relay that become nobody’s home', () => {
    const map = embeddedMap({ ...PLACE, stunPorts: [3_478, 3_479, 3_480] });
    expect(Object.keys(map.Regions ?? {})).toEqual(['997', '998', '999']);
    expect(map.HomeParams?.RegionScore).toEqual({ 997: 1_000, 998: 1_000 });
    expect(map.Regions?.['998']?.Nodes?.[0]).toMatchObject({ Name: '998a', STUNPort: 3_479 });
    expect(derpMap.safeParse(JSON.parse(JSON.stringify(map))).success).toBe(true);
  });

  test.each([
    [900, ['900', '998', '999']],
    [5, ['5', '6', '7']],
  ])('their numbers stay in the range of region %d', (regionId, wanted) => {
    const map = embeddedMap({ ...PLACE, regionId, stunPorts: [1, 2, 3] });
    expect(Object.keys(map.Regions ?? {})).toEqual(wanted);
  });
});

describe('the plan', () => {
  const INPUT = {
    listen: { host: '0.0.0.0', port: 8_080 },
    hasTls: false,
    serverUrl: 'http://192.0.2.1:8080',
    relayListen: undefined,
    stunPorts: undefined,
    host: undefined,
    port: undefined,
  };
  test.each([
    {
      name: 'plain HTTP: a listener of its own',
      input: {},
      wanted: { own: { value: { host: '0.0.0.0', port: 8_443 }, isChosen: false }, host: '192.0.2.1' },
    },
    {
      name: 'TLS: the server’s own address',
      input: { hasTls: true, serverUrl: 'https://vpn.example.com', listen: { host: '::', port: 443 } },
      wanted: { own: undefined, host: 'vpn.example.com', port: 443 },
    },
    {
      name: 'a proxy with TLS in front',
      input: { serverUrl: 'https://vpn.example.com:444' },
      wanted: { own: undefined, host: 'vpn.example.com', port: 444 },
    },
    {
      name: 'a listener that somebody chose',
      input: { serverUrl: 'https://vpn.example.com', relayListen: { host: '::', port: 4_443 } },
      wanted: { own: { value: { host: '::', port: 4_443 }, isChosen: true }, port: undefined },
    },
    {
      name: 'another name and port outside',
      input: { host: 'relay.example.com', port: 5_443 },
      wanted: { host: 'relay.example.com', port: 5_443 },
    },
    {
      name: 'an IPv6 address',
      input: { serverUrl: 'http://[2001:db8::1]:8080' },
      wanted: { host: '2001:db8::1' },
    },
    {
      name: 'the server on the relay’s usual port',
      input: { listen: { host: '::', port: 8_443 } },
      wanted: { own: { value: { host: '::', port: 8_444 }, isChosen: false } },
    },
    {
      name: 'any port: any ports',
      input: { listen: { host: '127.0.0.1', port: 0 } },
      wanted: {
        own: { value: { host: '127.0.0.1', port: 0 }, isChosen: false },
        stunPorts: [0, 0, 0].map((value) => ({ value, isChosen: false })),
      },
    },
  ])('$name', ({ input, wanted }) => expect(planRelay({ ...INPUT, ...input })).toMatchObject(wanted));
});
