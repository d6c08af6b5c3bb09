/** The table of router plans: what is wanted, what is there, what is done. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type InterfaceState, plan, type RouterOp } from './plan.ts';

const fresh: InterfaceState = { isUp: false, mtu: 1_500, addresses: [], routes: [] };
const wanted = {
  addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
  mtu: 1_280,
  routes: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
};
const done: InterfaceState = { isUp: true, ...wanted };

const text = (op: RouterOp): string =>
  'prefix' in op ? `${op.op} ${op.prefix}` : op.op === 'mtu' ? `mtu ${op.mtu}` : op.op;

test.each([
  {
    name: 'a fresh interface gets MTU, addresses, link, routes in this order',
    wanted,
    current: fresh,
    ops: [
      'mtu 1280',
      'address-add 100.64.0.1/32',
      'address-add fd7a:115c:a1e0::1/128',
      'up',
      'route-add 100.64.0.2/32',
      'route-add fd7a:115c:a1e0::2/128',
    ],
  },
  { name: 'what is there already is left alone', wanted, current: done, ops: [] },
  {
    name: 'a peer that left takes its route with it',
    wanted: { ...wanted, routes: ['100.64.0.2/32'] },
    current: done,
    ops: ['route-del fd7a:115c:a1e0::2/128'],
  },
  {
    name: 'a changed address comes before the old one goes',
    wanted: { ...wanted, addresses: ['100.64.0.9/32', 'fd7a:115c:a1e0::1/128'] },
    current: done,
    ops: ['address-add 100.64.0.9/32', 'address-del 100.64.0.1/32'],
  },
  {
    name: 'an interface that somebody took down comes up again',
    wanted,
    current: { ...done, isUp: false, routes: [] },
    ops: ['up', 'route-add 100.64.0.2/32', 'route-add fd7a:115c:a1e0::2/128'],
  },
  { name: 'another MTU', wanted: { ...wanted, mtu: 1_420 }, current: done, ops: ['mtu 1420'] },
  {
    name: 'other spellings and repetitions are the same prefix',
    wanted: {
      ...wanted,
      addresses: ['100.64.0.1', 'FD7A:115C:A1E0:0::1/64'],
      routes: ['100.64.0.2', '100.64.0.2/32', 'fd7a:115c:a1e0:0000::2'],
    },
    current: done,
    ops: [],
  },
  {
    name: 'nothing wanted takes everything away but the link',
    wanted: { addresses: [], mtu: 1_280, routes: [] },
    current: done,
    ops: [
      'route-del 100.64.0.2/32',
      'route-del fd7a:115c:a1e0::2/128',
      'address-del 100.64.0.1/32',
      'address-del fd7a:115c:a1e0::1/128',
    ],
  },
])('$name', (row) => {
  expect(plan(row.wanted, row.current, true)).toEqual({ ops: expect.anything(), withoutIpv6: [] });
  expect(plan(row.wanted, row.current, true).ops.map(text)).toEqual(row.ops);
});

test('without IPv6 the IPv4 part is made and the rest is named', () => {
  const { ops, withoutIpv6 } = plan(wanted, fresh, false);
  expect(ops.map(text)).toEqual(['mtu 1280', 'address-add 100.64.0.1/32', 'up', 'route-add 100.64.0.2/32']);
  expect(withoutIpv6).toEqual(['fd7a:115c:a1e0::1/128', 'fd7a:115c:a1e0::2/128']);
});

test.each(['100.64.0.300', 'rhumb', '100.64.0.1/33', '1.2.3.4/32 dev lo\nroute flush'])(
  'refuses %j',
  (prefix) => {
    expect(() => plan({ ...wanted, routes: [prefix] }, fresh, true)).toThrow('not an address');
    expect(() => plan({ ...wanted, addresses: [prefix] }, fresh, true)).toThrow('not an address');
  },
);

test('doing a plan leaves nothing to do', () => {
  const prefix = fc.nat(40).map((n) => (n % 2 === 0 ? `100.64.1.${n}/32` : `fd7a:115c:a1e0::${n}/128`));
  const prefixes = fc.uniqueArray(prefix, { maxLength: 12 });
  const config = fc.record({
    addresses: prefixes,
    mtu: fc.integer({ min: 1_280, max: 9_000 }),
    routes: prefixes,
  });
  fc.assert(
    fc.property(config, config, fc.boolean(), (before, after, isUp) => {
      const state = { isUp, mtu: before.mtu, addresses: before.addresses, routes: before.routes };
      const next = plan(after, state, true).ops.reduce(perform, state);
      expect(plan(after, next, true).ops).toEqual([]);
    }),
  );
});

function perform(state: InterfaceState, op: RouterOp): InterfaceState {
  switch (op.op) {
    case 'mtu':
      return { ...state, mtu: op.mtu };
    case 'up':
    case 'down':
      return { ...state, isUp: op.op === 'up' };
    case 'address-add':
      return { ...state, addresses: [...state.addresses, op.prefix] };
    case 'address-del':
      return { ...state, addresses: state.addresses.filter((prefix) => prefix !== op.prefix) };
    case 'route-add':
      return { ...state, routes: [...state.routes, op.prefix] };
    case 'route-del':
      return { ...state, routes: state.routes.filter((prefix) => prefix !== op.prefix) };
    default:
      return op satisfies never;
  }
}
