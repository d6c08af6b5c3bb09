/** Compiled filters and visibility against the policy read rule by rule (policy.md §19, 1–8). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CompiledPolicy } from './compile/compiled.ts';
import type { WireRule } from './compile/filter.ts';
import type { Machine } from './compile/network.ts';
import { inText } from './testing/client.ts';
import { compiled, machine, NODES, network } from './testing/golden.ts';

interface AclJson {
  readonly action: 'accept';
  readonly src: readonly string[];
  readonly dst: readonly string[];
  readonly proto?: string;
}

const SOURCES = [
  'ada@corp.test',
  'ben@corp.test',
  'group:ops',
  'tag:web',
  'tag:db',
  'autogroup:member',
  'web-one',
];
const TARGETS = [...SOURCES, 'tag:router', '10.20.5.0/24', '10.0.0.0/8', 'printer', '*'];
const PORTS = ['22', '80,443', '8000-9000', '*'];

const acl: fc.Arbitrary<AclJson> = fc.record(
  {
    action: fc.constant('accept' as const),
    src: fc.subarray([...SOURCES, 'autogroup:tagged', '100.64.0.10'], { maxLength: 3 }),
    dst: fc.array(
      fc
        .tuple(fc.constantFrom(...TARGETS), fc.constantFrom(...PORTS))
        .map(([name, ports]) => `${name}:${ports}`),
      { maxLength: 3 },
    ),
    proto: fc.constantFrom('tcp', 'udp'),
  },
  { requiredKeys: ['action', 'src', 'dst'] },
);
const acls = fc.array(acl, { maxLength: 5 });
const names = Object.keys(NODES);
const flow = fc.record({
  from: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  port: fc.constantFrom(22, 80, 443, 8_500, 9_999),
  proto: fc.constantFrom(6, 17),
});

/** Whether a word stands for a machine, straight from the text: no sets, no ranges. */
function means(word: string, { name, tags, userId }: Machine): boolean {
  if (word === '*') return true;
  if (word.startsWith('tag:')) return tags.includes(word);
  if (word === 'autogroup:member' || word === 'group:ops') return tags.length === 0;
  if (word === 'autogroup:tagged') return tags.length > 0;
  if (word.endsWith('@corp.test')) return userId === (word.startsWith('ada') ? 1 : 2);
  return (word === 'web-one' && name === 'web1') || (word === '100.64.0.10' && name === 'ada-laptop');
}

const hasPort = (ports: string, port: number): boolean =>
  ports === '*' ||
  ports.split(',').some((item) => {
    const [first = '', last = first] = item.split('-');
    return Number(first) <= port && port <= Number(last);
  });

/** By IPv4, because names of hosts have one family only. */
function naive(rules: readonly AclJson[], from: Machine, to: Machine, port: number, proto: number): boolean {
  return rules.some(
    (rule) =>
      (rule.proto === undefined || rule.proto === (proto === 6 ? 'tcp' : 'udp')) &&
      rule.src.some((word) => means(word, from)) &&
      rule.dst.some((text) => {
        const at = text.lastIndexOf(':');
        return means(text.slice(0, at), to) && hasPort(text.slice(at + 1), port);
      }),
  );
}

const clientLets = (
  filter: readonly WireRule[],
  from: string,
  to: string,
  port: number,
  proto: number,
): boolean =>
  filter.some(
    ({ SrcIPs, DstPorts = [], IPProto }) =>
      (IPProto === undefined || IPProto.includes(proto)) &&
      SrcIPs.some((text) => inText(text, from)) &&
      DstPorts.some(({ IP, Ports }) => inText(IP, to) && Ports.First <= port && port <= Ports.Last),
  );

const ipv4 = (name: string): string => NODES[name]?.ipv4 ?? '';
const sees = (policy: CompiledPolicy, a: string, b: string): boolean =>
  policy.peersOf(machine(policy, a)).some(({ name }) => name === b);

test('a client lets in exactly what a rule of the policy allows, and both ends see each other then', () => {
  fc.assert(
    fc.property(acls, fc.array(flow, { minLength: 20, maxLength: 20 }), (rules, flows) => {
      const policy = compiled({ acls: rules });
      for (const { from, to, port, proto } of flows) {
        if (from === to) continue;
        const wanted = naive(rules, machine(policy, from), machine(policy, to), port, proto);
        const filter = policy.filterOf(machine(policy, to));
        expect([from, to, port, proto, clientLets(filter, ipv4(from), ipv4(to), port, proto)]).toEqual([
          from,
          to,
          port,
          proto,
          wanted,
        ]);
        if (wanted) expect([sees(policy, from, to), sees(policy, to, from)]).toEqual([true, true]);
      }
    }),
    { numRuns: 60 },
  );
});

test('peers are mutual, nobody is its own, and a routed subnet is on one router for each machine', () => {
  fc.assert(
    fc.property(acls, (rules) => {
      const policy = compiled({ acls: rules });
      for (const one of policy.machines) {
        const peers = policy.peersOf(one);
        expect(peers).not.toContain(one);
        for (const peer of peers) expect(policy.peersOf(peer)).toContain(one);
        const carriers = peers.filter((peer) => policy.allowedIps(one, peer).includes('10.20.0.0/16'));
        expect(carriers.length).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 60 },
  );
});

test('one more rule takes nothing away, and the order of rules changes nothing', () => {
  fc.assert(
    fc.property(acls, acl, flow, (rules, more, { from, to, port, proto }) => {
      const lets = (list: readonly AclJson[]): boolean => {
        const policy = compiled({ acls: list });
        return clientLets(policy.filterOf(machine(policy, to)), ipv4(from), ipv4(to), port, proto);
      };
      const before = lets(rules);
      if (before) expect(lets([...rules, more])).toBe(true);
      expect(lets(rules.toReversed())).toBe(before);
    }),
    { numRuns: 60 },
  );
});

test('the same policy and network give the same bytes', () => {
  fc.assert(
    fc.property(acls, (rules) => {
      const bytes = (): string => {
        const policy = compiled({ acls: rules }, network());
        return JSON.stringify(policy.machines.map((one) => policy.filterOf(one)));
      };
      expect(bytes()).toBe(bytes());
    }),
    { numRuns: 20 },
  );
});
