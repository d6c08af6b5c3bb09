/** What iproute2 6.1 printed, read. */
import { describe, expect, test } from 'vitest';
import { readFailures, readLink, readRoutes, readRules } from './ip-output.ts';

test('reads an interface with its addresses, without the link-local ones', () => {
  const text =
    '[{"ifindex":2,"ifname":"rhumb0","flags":["NO-CARRIER","POINTOPOINT","MULTICAST","NOARP","UP"],"mtu":1280,"qdisc":"pfifo_fast","operstate":"DOWN","group":"default","txqlen":500,"link_type":"none","addr_info":[{"family":"inet","local":"100.64.0.1","prefixlen":32,"scope":"global","label":"rhumb0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fd7a:115c:a1e0::1","prefixlen":128,"scope":"global"},{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]}]';
  expect(readLink(text)).toEqual({
    isUp: true,
    mtu: 1_280,
    index: 2,
    addresses: new Set(['100.64.0.1/32', 'fd7a:115c:a1e0::1/128']),
  });
});

describe('routes', () => {
  test('are ours by their protocol, and lead into this tunnel or out of the table', () => {
    const text =
      '[{"dst":"100.64.0.2","dev":"rhumb0","protocol":"82","scope":"link","flags":["linkdown"]},{"type":"throw","dst":"192.0.2.0/24","protocol":"82","flags":[]},{"dst":"default","dev":"rhumb0","protocol":"82"}]';
    expect(readRoutes(text, 4, 'rhumb0')).toEqual({
      ours: new Map([
        ['100.64.0.2/32', 'tunnel'],
        ['192.0.2.0/24', 'throw'],
        ['0.0.0.0/0', 'tunnel'],
      ]),
      hasOthers: false,
    });
  });

  test.each([
    '[{"dst":"192.0.2.9","dev":"rhumb0"}]',
    '[{"dst":"192.0.2.9","dev":"other0","protocol":"82"}]',
    '[{"type":"blackhole","dst":"192.0.2.9","protocol":"82"}]',
  ])('of others are noticed: %s', (text) =>
    expect(readRoutes(text, 4, 'rhumb0')).toEqual({ ours: new Map(), hasOthers: true }),
  );

  test('may be none, printed as nothing at all', () =>
    expect(readRoutes('', 6, 'rhumb0')).toEqual({ ours: new Map(), hasOthers: false }));

  test.each(['not json', '{"dst":1}', '[{"dst":1}]'])('that are %s are an error', (text) =>
    expect(() => readRoutes(text, 6, 'rhumb0')).toThrow("can't read its output"),
  );
});

test('rules are told apart by everything that narrows them', () => {
  const text =
    '[{"priority":0,"src":"all","table":"local"},{"priority":6,"src":"10.0.0.0","srclen":8,"dst":"10.1.0.0","dstlen":16,"table":"9"},{"priority":5210,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","table":"main","protocol":"82"},{"priority":5250,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","action":"unreachable","protocol":"82"},{"priority":5270,"not":null,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","table":"52"}]';
  expect(
    readRules(text, 4).map(({ priority, selector, action, isOurs }) => [priority, selector, action, isOurs]),
  ).toEqual([
    [0, '', 'lookup local', false],
    [6, 'from 10.0.0.0/8 dst dstlen', 'lookup 9', false],
    [5_210, 'fwmark 0x80000/0xff0000', 'lookup main', true],
    [5_250, 'fwmark 0x80000/0xff0000', 'unreachable', true],
    [5_270, 'not fwmark 0x80000/0xff0000', 'lookup 52', false],
  ]);
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
