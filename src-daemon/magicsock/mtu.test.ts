/** Path-MTU probing: sizes on the wire, what an answer proves, and that it is off unless asked for. */
import { expect, test } from 'vitest';
import { probeSizes, wireMtuOf } from './mtu.ts';
import { Host, talk, Wire } from './scene.ts';

test('a probe fills an IP packet of exactly the size to try', () => {
  expect(probeSizes('192.0.2.1')).toEqual([1_252, 1_332, 1_372, 1_472, 7_972, 8_972]);
  expect(probeSizes('2001:db8::1')).toEqual([1_232, 1_312, 1_352, 1_452, 7_952, 8_952]);
  expect(probeSizes('192.0.2.1').map((size) => wireMtuOf(size, '192.0.2.1'))).toContain(1_500);
  expect(wireMtuOf(0, '192.0.2.1')).toBe(1_360);
});

/** The largest datagram that the wire between the two carries. */
async function learned(largest: number, pathMtuDiscovery: boolean, ...ips: readonly [string, string]) {
  const wire = new Wire();
  wire.drop = (_from, _to, datagram) => datagram.length > largest;
  const [a, b] = ips.map((ip) => new Host(wire, [ip], { options: { pathMtuDiscovery } })) as [Host, Host];
  a.knows(b, [ips[1]]);
  b.knows(a, [ips[0]]);
  await talk({ wire, a, b }, 10_000);
  return a.magicsock.pathOf(1);
}

test.each([
  ['Ethernet', 1_472, '192.0.2.1', '192.0.2.2', 1_500],
  ['a tunnel', 1_400, '192.0.2.1', '192.0.2.2', 1_400],
  ['jumbo frames', 8_972, '192.0.2.1', '192.0.2.2', 9_000],
  ['Ethernet and IPv6', 1_452, '2001:db8::1', '2001:db8::2', 1_500],
] as const)(
  'the path over %s is known by its largest answer',
  async (_name, largest, one, other, wireMtu) => {
    expect(await learned(largest, true, one, other)).toMatchObject({ wireMtu, isTrusted: true });
  },
);

test('without probing a path counts as safe and no more', async () => {
  expect(await learned(9_000, false, '192.0.2.1', '192.0.2.2')).toMatchObject({ wireMtu: 1_360 });
});
