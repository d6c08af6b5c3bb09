/** Announced routes: what is taken, what is refused with words, and that one bad route spoils nothing. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CGNAT, parsePrefix, TAILNET_ULA } from '#shared/ip/address.ts';
import { overlaps, parseApproval, readAnnouncement, readRoute, sortRoutes, viaSite } from './announced.ts';

describe('a route', () => {
  test.each([
    ['10.1.0.0/16', '10.1.0.0/16'],
    ['10.1.2.3/16', '10.1.0.0/16'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['2001:DB8::1/32', '2001:db8::/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['::/0', '::/0'],
    ['169.254.169.254/32', '169.254.169.254/32'],
    ['fd7a:115c:a1e0:b1a:0:7:a01:100/120', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120'],
    ['fd7a:115c:a1e0:b1a:0:7::/96', 'fd7a:115c:a1e0:b1a:0:7::/96'],
  ])('%s is taken as %s', (text, want) => {
    expect(readRoute(text)).toEqual({ kind: 'route', text: want });
  });

  test.each([
    ['100.64.0.0/10', /overlaps 100\.64\.0\.0\/10/],
    ['100.64.0.7/32', /overlaps/],
    ['100.0.0.0/8', /overlaps/],
    ['0.0.0.0/1', /overlaps/],
    ['100.100.100.100/32', /overlaps/],
    ['fd7a:115c:a1e0::/48', /overlaps fd7a:115c:a1e0::\/48/],
    ['fd00::/8', /overlaps/],
    ['::/1', /loopback/],
    ['8000::/1', /overlaps/],
    ['fd7a:115c:a1e0:b1a::/64', /overlaps/],
    ['fd7a:115c:a1e0:b1a::/95', /overlaps/],
    ['fd7a:115c:a1e0:b1b::/96', /overlaps/],
    ['127.0.0.0/8', /loopback/],
    ['239.1.0.0/16', /multicast/],
    ['ff02::/16', /multicast/],
    ['10.0.0.0/33', /is not a prefix/],
    ['10.0.0/8', /is not a prefix/],
    ['fe80::%eth0/64', /is not a prefix/],
    ['', /is not a prefix/],
  ])('%s is refused', (text, why) => {
    const reading = readRoute(text);
    expect(reading.kind === 'refused' ? reading.why : '').toMatch(why);
  });

  test('whatever is taken besides exits and sites leaves the network’s own addresses alone', () => {
    const v4 = fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`);
    const v6 = fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`);
    fc.assert(
      fc.property(fc.oneof(v4, v6), (text) => {
        const reading = readRoute(text);
        if (reading.kind === 'refused' || reading.text.startsWith('fd7a:115c:a1e0:b1a:')) return;
        const route = parsePrefix(reading.text);
        expect(route).toBeDefined();
        if (route !== undefined) expect(overlaps(route, CGNAT) || overlaps(route, TAILNET_ULA)).toBe(false);
        expect(readRoute(reading.text)).toEqual(reading);
      }),
    );
  });
});

test('an announcement keeps its good routes, each once, and names the others', () => {
  expect(readAnnouncement(['10.0.0.1/8', '10.0.0.0/8', '100.64.0.0/10', '::/0'])).toEqual({
    routes: ['10.0.0.0/8', '::/0'],
    refused: [{ text: '100.64.0.0/10', why: "overlaps 100.64.0.0/10, where the network's own machines are" }],
  });
});

describe('an approval', () => {
  test('is sorted, each route once, with exit routes in pairs', () => {
    expect(parseApproval(['::/0', '10.2.0.0/16', '10.1.0.0/16', '10.1.0.0/16', '2001:db8::/32'])).toEqual([
      '0.0.0.0/0',
      '10.1.0.0/16',
      '10.2.0.0/16',
      '::/0',
      '2001:db8::/32',
    ]);
    expect(parseApproval(['0.0.0.0/0'])).toEqual(['0.0.0.0/0', '::/0']);
    expect(parseApproval([])).toEqual([]);
  });

  test('is refused as a whole for one bad route, with the route and the reason', () => {
    expect(() => parseApproval(['10.0.0.0/8', '100.64.0.0/16'])).toThrow(/route "100.64.0.0\/16" overlaps/);
    const many = Array.from({ length: 1_025 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`);
    expect(() => parseApproval(many)).toThrow(/can have 1024 routes/);
  });
});

test('routes sort by family, address and length', () => {
  expect(sortRoutes(['10.0.0.0/16', '10.0.0.0/8', '9.0.0.0/8', '::/0'])).toEqual([
    '9.0.0.0/8',
    '10.0.0.0/8',
    '10.0.0.0/16',
    '::/0',
  ]);
});

test('a site’s IPv4 range has the IPv6 prefix that clients look for', () => {
  expect(viaSite(7, '10.1.1.0/24')).toBe('fd7a:115c:a1e0:b1a:0:7:a01:100/120');
  expect(viaSite(65_535, '0.0.0.0/0')).toBe('fd7a:115c:a1e0:b1a:0:ffff::/96');
  expect(readRoute(viaSite(7, '10.1.1.0/24')).kind).toBe('route');
  expect(() => viaSite(65_536, '10.0.0.0/8')).toThrow(/0 to 65535/);
  expect(() => viaSite(1, '::/0')).toThrow(/not an IPv4 prefix/);
});

test('a machine that announces too much keeps the first of it', () => {
  const texts = Array.from({ length: 1_030 }, (_, n) => `192.0.${n >> 8}.${n & 255}/32`);
  const { routes, refused } = readAnnouncement([...texts, '192.0.0.0/32']);
  expect(routes).toEqual(texts.slice(0, 1_024));
  expect(refused).toHaveLength(6);
  expect(refused[0]).toEqual({ text: '192.0.4.0/32', why: expect.stringMatching(/beyond the 1024 routes/) });
});
