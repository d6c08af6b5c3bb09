/** Relay maps in YAML come to what the wire has, and maps in JSON stay what they are. */
import { expect, test } from 'vitest';
import { parseMap } from './map-sources.ts';

test('a map with keys in lower case is read like one of the wire', () => {
  const text = `
regions:
  900:
    regionid: 900
    regioncode: lab
    regionname: Laboratory
    nodes:
      - name: 900a
        regionid: 900
        hostname: relay.example.com
        ipv4: 192.0.2.1
        stunport: -1
        stunonly: false
        derpport: 8443
`;
  expect(parseMap(text, 'here').Regions?.['900']).toEqual({
    RegionID: 900,
    RegionCode: 'lab',
    RegionName: 'Laboratory',
    Nodes: [
      expect.objectContaining({
        Name: '900a',
        RegionID: 900,
        HostName: 'relay.example.com',
        DERPPort: 8443,
        STUNPort: -1,
      }),
    ],
  });
});

test.each([
  ['regions: [\n', /neither JSON nor YAML/],
  ['regions:\n  1: {regionid: x}\n', /Regions\.1\.RegionID/],
])('%j is refused with the place', (text, why) => expect(() => parseMap(text, 'here')).toThrow(why));
