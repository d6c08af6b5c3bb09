/** What the plan does in which order, and that doing it leaves nothing to do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { command } from './batch.ts';
import { type KernelState, performed, plan, type RouteTo, wantedOf } from './plan.ts';
import { policyRules, policyStyle, USUAL_POLICY } from './policy.ts';

const rules = policyRules(USUAL_POLICY);
const config = {
  addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
  mtu: 1_280,
  routes: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
  localRoutes: [] as string[],
};
const fresh: KernelState = { isUp: false, mtu: 1_500, addresses: new Set(), routes: new Map(), rules: [] };
const wanted = wantedOf(config, rules, true);
const done = performed(fresh, plan(wanted, fresh));
const tunnel = (prefix: string): [string, RouteTo] => [prefix, 'tunnel'];

const lines = (next: Partial<typeof config>, current: KernelState, hasIpv6 = true): string[] =>
  plan(wantedOf({ ...config, ...next }, rules, hasIpv6), current).map(
    (op) => ('family' in op && op.family === 6 ? '-6 ' : '') + command('rhumb0', op),
  );

test('a fresh interface gets MTU, addresses, link, rules, routes in this order', () => {
  expect(lines({}, fresh)).toEqual([
    'link set dev rhumb0 mtu 1280',
    'address add 100.64.0.1/32 dev rhumb0',
    'address add fd7a:115c:a1e0::1/128 dev rhumb0 nodad',
    'link set dev rhumb0 up',
    ...['', '-6 '].flatMap((family) => [
      `${family}rule add fwmark 0x80000/0xff0000 pref 5210 lookup main protocol 82`,
      `${family}rule add fwmark 0x80000/0xff0000 pref 5230 lookup default protocol 82`,
      `${family}rule add fwmark 0x80000/0xff0000 pref 5250 unreachable protocol 82`,
      `${family}rule add pref 5270 lookup 52 protocol 82`,
    ]),
    'route add 100.64.0.2/32 dev rhumb0 table 52 proto 82',
    'route add fd7a:115c:a1e0::2/128 dev rhumb0 table 52 proto 82',
  ]);
});

test.each([
  { name: 'what is there already is left alone', next: {}, ops: [] },
  {
    name: 'a peer that left takes its route with it',
    next: { routes: ['100.64.0.2/32'] },
    ops: ['route del fd7a:115c:a1e0::2/128 dev rhumb0 table 52 proto 82'],
  },
  {
    name: 'a changed address comes before the old one goes',
    next: { addresses: ['100.64.0.9/32', 'fd7a:115c:a1e0::1/128'] },
    ops: ['address add 100.64.0.9/32 dev rhumb0', 'address del 100.64.0.1/32 dev rhumb0'],
  },
  { name: 'another MTU', next: { mtu: 1_420 }, ops: ['link set dev rhumb0 mtu 1420'] },
  {
    name: 'other spellings and repetitions are the same prefix',
    next: {
      addresses: ['100.64.0.1', 'FD7A:115C:A1E0:0::1/64'],
      routes: ['100.64.0.2', '100.64.0.2/32', 'fd7a:115c:a1e0:0000::2'],
    },
    ops: [],
  },
  {
    name: 'what stays out of the tunnel does so before the rest goes in',
    next: { routes: [...config.routes, '0.0.0.0/0'], localRoutes: ['192.168.1.0/24'] },
    ops: [
      'route add throw 192.168.1.0/24 table 52 proto 82',
      'route add 0.0.0.0/0 dev rhumb0 table 52 proto 82',
    ],
  },
  {
    name: 'what a peer carries is in the tunnel although it should stay out',
    next: { routes: [...config.routes, '192.168.1.0/24'], localRoutes: ['192.168.1.0/24'] },
    ops: ['route add 192.168.1.0/24 dev rhumb0 table 52 proto 82'],
  },
])('$name', ({ next, ops }) => expect(lines(next, done)).toEqual(ops));

test('a route turned round is replaced, never missing', () => {
  const current = { ...done, routes: new Map([...done.routes, ['192.168.1.0/24', 'throw'] as const]) };
  expect(lines({ routes: [...config.routes, '192.168.1.0/24'] }, current)).toEqual([
    'route replace 192.168.1.0/24 dev rhumb0 table 52 proto 82',
  ]);
});

test('the way into the tunnel goes before the exceptions to it', () => {
  const more = { routes: [...config.routes, '0.0.0.0/0'], localRoutes: ['192.168.1.0/24'] };
  const current = performed(done, plan(wantedOf({ ...config, ...more }, rules, true), done));
  expect(lines({}, current)).toEqual([
    'route del 0.0.0.0/0 dev rhumb0 table 52 proto 82',
    'route del throw 192.168.1.0/24 table 52 proto 82',
  ]);
});

test('an interface that somebody took down comes up again, and routes with it', () => {
  expect(lines({}, { ...done, isUp: false, routes: new Map() })).toEqual([
    'link set dev rhumb0 up',
    'route add 100.64.0.2/32 dev rhumb0 table 52 proto 82',
    'route add fd7a:115c:a1e0::2/128 dev rhumb0 table 52 proto 82',
  ]);
});

test('a rule that was deleted is added again, one of an older version goes, and equal ones of others will do', () => {
  const [first, ...others] = done.rules;
  const stale = { family: 4, priority: 5_290, selector: '', action: 'lookup 52', isOurs: true } as const;
  expect(lines({}, { ...done, rules: [...others, stale] })).toEqual([
    'rule add fwmark 0x80000/0xff0000 pref 5210 lookup main protocol 82',
    'rule del pref 5290 lookup 52 protocol 82',
  ]);
  const foreign = { ...first, isOurs: false } as (typeof done.rules)[number];
  expect(lines({}, { ...done, rules: [foreign, ...others] })).toEqual([]);
});

test('without IPv6 the IPv4 part is made and the rest is named', () => {
  expect(lines({}, fresh, false).filter((line) => line.includes(':') || line.startsWith('-6'))).toEqual([]);
  expect(wantedOf(config, rules, false).withoutIpv6).toEqual([
    'fd7a:115c:a1e0::1/128',
    'fd7a:115c:a1e0::2/128',
  ]);
});

test.each(['100.64.0.300', 'rhumb', '100.64.0.1/33', '1.2.3.4/32 dev lo\nroute flush'])(
  'refuses %j',
  (prefix) => {
    for (const key of ['addresses', 'routes', 'localRoutes'] as const)
      expect(() => wantedOf({ ...config, [key]: [prefix] }, rules, true)).toThrow('not an address');
  },
);

test.each([
  { name: 'usual', files: [], selector: '', style: { base: 5_200, single: false } },
  {
    name: 'Ubiquiti',
    files: ['/usr/bin/ubnt-device-info'],
    selector: '',
    style: { base: 5_200, single: true },
  },
  {
    name: 'OpenWrt with mwan3 at work',
    files: ['/etc/openwrt_version', '/etc/config/mwan3'],
    selector: 'fwmark 0x100/0x3f00',
    style: { base: 1_300, single: false },
  },
  {
    name: 'OpenWrt with mwan3 switched off',
    files: ['/etc/openwrt_version', '/etc/config/mwan3'],
    selector: '',
    style: { base: 5_200, single: false },
  },
])('where rules go: $name', ({ files, selector, style }) => {
  const here = [{ priority: 2_001, selector, action: 'lookup 1' }];
  expect(policyStyle({ hasFile: (path) => files.includes(path), rules: here })).toEqual(style);
});

test("Ubiquiti's devices get one rule", () => {
  expect(policyRules({ base: 5_200, single: true })).toEqual([
    { priority: 5_270, selector: 'not fwmark 0x80000/0xff0000', action: 'lookup 52' },
  ]);
});

test('doing a plan leaves nothing to do', () => {
  const prefix = fc.nat(40).map((n) => (n % 2 === 0 ? `100.64.1.${n}/32` : `fd7a:115c:a1e0::${n}/128`));
  const prefixes = fc.uniqueArray(prefix, { maxLength: 12 });
  const some = fc.record({
    addresses: prefixes,
    mtu: fc.integer({ min: 1_280, max: 9_000 }),
    routes: prefixes,
    localRoutes: prefixes,
  });
  fc.assert(
    fc.property(some, some, fc.boolean(), (before, after, isUp) => {
      const start = { ...fresh, isUp };
      const state = performed(start, plan(wantedOf(before, rules, true), start));
      const next = wantedOf(after, rules, true);
      expect(plan(next, performed(state, plan(next, state)))).toEqual([]);
    }),
  );
});

test('one route more among ten thousand is one operation, found fast', () => {
  const routes = Array.from({ length: 10_000 }, (_, i) => `100.65.${i >> 8}.${i & 255}/32`);
  const state = { ...done, routes: new Map(routes.map(tunnel)) };
  expect(lines({ routes: [...routes, '10.0.0.0/8'] }, state)).toEqual([
    'route add 10.0.0.0/8 dev rhumb0 table 52 proto 82',
  ]);
});
