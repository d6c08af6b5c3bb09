/** What iproute2 6.1 printed, read. */
import { describe, expect, test } from 'vitest';
import { readFailures, readLink, readRoutes } from './ip-output.ts';

test('reads an interface with its addresses, without the link-local ones', () => {
  const text =
    '[{"ifindex":2,"ifname":"rhumb0","flags":["NO-CARRIER","POINTOPOINT","MULTICAST","NOARP","UP"],"mtu":1280,"qdisc":"pfifo_fast","operstate":"DOWN","group":"default","txqlen":500,"link_type":"none","addr_info":[{"family":"inet","local":"100.64.0.1","prefixlen":32,"scope":"global","label":"rhumb0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fd7a:115c:a1e0::1","prefixlen":128,"scope":"global"},{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]}]';
  expect(readLink(text)).toEqual({
    isUp: true,
    mtu: 1_280,
    addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
  });
});

describe('routes', () => {
  test('are ours by their protocol', () => {
    const text =
      '[{"dst":"100.64.0.2","protocol":"82","scope":"link","flags":["linkdown"]},{"dst":"default","protocol":"82"},{"dst":"192.0.2.0/24","protocol":"kernel","scope":"link"},{"dst":"192.0.2.9"}]';
    expect(readRoutes(text, 4)).toEqual(['100.64.0.2/32', '0.0.0.0/0']);
  });

  test('may be none, printed as nothing at all', () => expect(readRoutes('', 6)).toEqual([]));

  test.each(['not json', '{"dst":1}', '[{"dst":1}]'])('that are %s are an error', (text) =>
    expect(() => readRoutes(text, 6)).toThrow("can't read its output"),
  );
});

test('finds which lines of a batch failed and why', () => {
  const stderr =
    'RTNETLINK answers: File exists\nCommand failed -:4\nCannot find device "x"\nCommand failed -:7\nError: ipv6: IPv6 is disabled on this device.\nCommand failed -:8\n';
  expect([...readFailures(stderr)]).toEqual([
    [3, 'File exists'],
    [6, 'Cannot find device "x"'],
    [7, 'ipv6: IPv6 is disabled on this device.'],
  ]);
  expect(readFailures('').size).toBe(0);
});
