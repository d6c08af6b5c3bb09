/** The simulated NATs give the measured success matrix of nat-traversal.md §7.2. */
import { describe, expect, test } from 'vitest';
import { NAT_KINDS } from './nat.ts';
import { canMeet } from './oracle.ts';
import { machine, type SitePlan, site, type WorldPlan } from './world.ts';

interface Side {
  readonly site: SitePlan;
  readonly forward?: 'static';
}

const SIDES: Readonly<Record<string, Side>> = {
  open: { site: site({ nat: NAT_KINDS.open }) },
  firewall: { site: site({ nat: NAT_KINDS.firewall }) },
  'full cone': { site: site({ nat: NAT_KINDS['full-cone'] }) },
  'addr-restr.': { site: site({ nat: NAT_KINDS['address-restricted'] }) },
  'port-restr.': { site: site() },
  symmetric: { site: site({ nat: NAT_KINDS.symmetric }) },
  'symmetric + forward': { site: site({ nat: NAT_KINDS.symmetric }), forward: 'static' },
  'UDP blocked': { site: site({ udp: { kind: 'none' } }) },
};

/** y where a direct path exists, in the order of SIDES. */
const MATRIX = [
  'y y y y y y y -',
  'y y y y y - y -',
  'y y y y y y y -',
  'y y y y y y y -',
  'y y y y y - y -',
  'y - y y - - y -',
  'y y y y y y y -',
  '- - - - - - - -',
];

const RELAYS = [1, 2].map((delayMs) => ({ delayMs, isStunUp: true }));

const pair = (a: Side, b: Side): WorldPlan => ({
  sites: [a.site, b.site],
  machines: [machine(0, { forward: a.forward ?? 'no' }), machine(1, { forward: b.forward ?? 'no' })],
  relays: RELAYS,
});

describe('two homes', () => {
  test.each(Object.keys(SIDES).map((name, i) => ({ name, row: MATRIX[i] })))('$name', ({ name, row }) => {
    const a = SIDES[name] as Side;
    const seen = Object.values(SIDES).map((b) => (canMeet(pair(a, b), 0, 1) ? 'y' : '-'));
    expect(seen.join(' ')).toBe(row);
  });
});

describe('more of the world', () => {
  const carrier = (given: Partial<SitePlan>): WorldPlan => ({
    sites: [
      site({ net4: '100.70.0', ...given }),
      site({ above: 0 }),
      site({ above: 0, net4: '192.168.2' }),
      site({ nat: NAT_KINDS['full-cone'] }),
    ],
    machines: [machine(1), machine(2), machine(3)],
    relays: RELAYS,
  });
  const fullCone = NAT_KINDS['full-cone'];

  test.each([
    {
      name: 'one carrier with hairpin',
      given: { nat: { ...fullCone, hairpin: 'external-source' as const } },
      is: true,
    },
    { name: 'one carrier without', given: { nat: fullCone }, is: false },
    { name: 'a symmetric carrier', given: { nat: NAT_KINDS.symmetric }, is: false },
  ])('two homes behind $name', ({ given, is }) => {
    expect(canMeet(carrier(given), 0, 1)).toBe(is);
  });

  test('a home behind a carrier meets an open one', () => {
    expect(canMeet(carrier({ nat: NAT_KINDS.symmetric }), 0, 2)).toBe(true);
  });

  test.each([
    { name: 'each other', isIsolated: false, is: true },
    { name: 'nobody where guests are kept apart', isIsolated: true, is: false },
  ])('machines of one network meet $name', ({ isIsolated, is }) => {
    const plan = { sites: [site({ isIsolated })], machines: [machine(0), machine(0)], relays: RELAYS };
    expect(canMeet(plan, 0, 1)).toBe(is);
  });

  test('IPv6 leads around two symmetric NATs, its firewalls notwithstanding', () => {
    const home = site({ nat: NAT_KINDS.symmetric, hasV6: true });
    const plan = { sites: [home, home], machines: [machine(0), machine(1)], relays: RELAYS };
    expect(canMeet(plan, 0, 1)).toBe(true);
  });

  test('a firewall on the machine counts although the router forwards', () => {
    const hard = site({ nat: NAT_KINDS.symmetric });
    const forwarded = (hasFirewall: boolean): WorldPlan => ({
      sites: [site(), hard],
      machines: [machine(0, { forward: 'mapped', hasFirewall }), machine(1)],
      relays: RELAYS,
    });
    expect(canMeet(forwarded(false), 0, 1)).toBe(true);
    expect(canMeet(forwarded(true), 0, 1)).toBe(false);
  });
});
