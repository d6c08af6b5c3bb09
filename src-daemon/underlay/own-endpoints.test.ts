/** What this machine offers as its addresses. */
import { expect, test } from 'vitest';
import { formatSockAddr } from '#shared/ip/address.ts';
import { EndpointType } from '#shared/wire/map.ts';
import {
  collectEndpoints,
  type EndpointFacts,
  type EndpointMemory,
  NO_MEMORY,
  sameEndpoints,
} from './own-endpoints.ts';

const at = (ip: string, port: number) => ({ ip, port });
const facts = (more: Partial<EndpointFacts> = {}): EndpointFacts => ({
  nowMs: 0,
  port: 41_641,
  isPortFixed: true,
  local: ['192.168.1.2'],
  mapped: undefined,
  global4: [],
  global6: [],
  mappingVaries: undefined,
  ...more,
});
const list = (of: EndpointFacts, memory: EndpointMemory = NO_MEMORY): string[] =>
  collectEndpoints(of, memory)[0].map(({ addr, type }) => `${formatSockAddr(addr)} ${type}`);

test('mapped first, then STUN, then the interfaces', () => {
  const all = facts({
    mapped: at('203.0.113.1', 5_000),
    global4: [at('203.0.113.1', 6_000)],
    global6: [at('2001:db8::1', 41_641)],
  });
  expect(list(all)).toEqual([
    '203.0.113.1:5000 3',
    '203.0.113.1:6000 2',
    '[2001:db8::1]:41641 2',
    '192.168.1.2:41641 1',
  ]);
});

test('behind a hard NAT the fixed port at the public address is a guess worth making', () => {
  const hard = { global4: [at('203.0.113.1', 6_000)], mappingVaries: true };
  expect(list(facts(hard))).toContain(`203.0.113.1:41641 ${EndpointType.Stun4LocalPort}`);
  expect(list(facts({ ...hard, isPortFixed: false }))).not.toContain('203.0.113.1:41641 4');
  expect(list(facts({ ...hard, mappingVaries: undefined }))).not.toContain('203.0.113.1:41641 4');
});

test('an address that one check missed is offered on for five minutes, six of one address at most', () => {
  let memory: EndpointMemory = NO_MEMORY;
  for (let i = 0; i < 9; i++)
    [, memory] = collectEndpoints(facts({ nowMs: i, global4: [at('203.0.113.1', 1_000 + i)] }), memory);
  const later = facts({ nowMs: 10, local: [] });
  expect(list(later, memory)).toEqual([8, 7, 6, 5, 4, 3].map((i) => `203.0.113.1:${1_000 + i} 2`));
  expect(list({ ...later, nowMs: 310_009 }, memory)).toEqual([]);
});

test('addresses of the network itself are never offered', () => {
  expect(
    list(facts({ mapped: at('100.64.1.1', 1), local: [], global6: [at('fd7a:115c:a1e0::1', 1)] })),
  ).toEqual([]);
});

test('the order does not make two lists differ, a type does', () => {
  const a = { addr: at('192.0.2.1', 1), type: EndpointType.Local };
  const b = { addr: at('192.0.2.2', 1), type: EndpointType.Local };
  expect(sameEndpoints([a, b], [b, a])).toBe(true);
  expect(sameEndpoints([a], [{ ...a, type: EndpointType.Stun }])).toBe(false);
});

test.each([
  '127.0.0.1',
  '0.0.0.0',
  '169.254.1.1',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'ff02::1',
])('a server that says we are %s is not believed', (ip) => {
  const seen = ip.includes(':') ? { global6: [at(ip, 5_000)] } : { global4: [at(ip, 5_000)] };
  expect(list(facts(seen))).toEqual(['192.168.1.2:41641 1']);
});

test('without a socket no interface address is offered', () => {
  expect(list(facts({ port: 0 }))).toEqual([]);
});
