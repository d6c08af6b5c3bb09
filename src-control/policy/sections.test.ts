/** The worked examples of approval, SSH, attributes and tests (policy.md §17, G19–G24). */
import { describe, expect, test } from 'vitest';
import { compiled, errorsOf, machine, NODES, network } from './testing/golden.ts';

const SSH_CHECK =
  'https://vpn.corp.test/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER';
const ACCEPT = {
  accept: true,
  allowAgentForwarding: true,
  allowLocalPortForwarding: true,
  allowRemotePortForwarding: true,
};
const ips = (...list: string[]): object[] => list.map((nodeIP) => ({ nodeIP }));
const ADA = ips('100.64.0.10', '100.64.0.12', 'fd7a:115c:a1e0::a', 'fd7a:115c:a1e0::c');
const BEN = ips('100.64.0.20', 'fd7a:115c:a1e0::14');

describe('G19: auto-approval', () => {
  const policy = {
    tagOwners: { 'tag:router': [], 'tag:exit': [] },
    autoApprovers: {
      routes: {
        '10.0.0.0/8': ['tag:router'],
        '192.168.77.0/24': ['ada@corp.test'],
        '0.0.0.0/0': ['tag:router'],
      },
      exitNode: ['tag:exit'],
    },
  };
  test.each([
    ['rtr1', ['10.20.0.0/16'], ['10.20.0.0/16']],
    ['rtr1', ['0.0.0.0/0'], []],
    ['rtr2', ['192.168.77.0/24'], ['192.168.77.0/24']],
    ['ada-laptop', ['192.168.77.0/24'], ['192.168.77.0/24']],
    ['ada-laptop', ['192.168.0.0/16'], []],
    ['ben-desktop', ['192.168.77.0/24'], []],
    ['exit1', ['0.0.0.0/0', '::/0'], ['0.0.0.0/0', '::/0']],
  ])('%s announces %j: %j', (name, announced, approved) => {
    const node = NODES[name];
    const nodes = node === undefined ? NODES : { ...NODES, [name]: { ...node, routable_ips: announced } };
    const good = compiled(policy, network(nodes));
    expect(good.autoApprovedOf(machine(good, name)).map(({ text }) => text)).toEqual(approved);
  });
});

describe('SSH', () => {
  test('G20: checks go before accepts', () => {
    const policy = compiled({
      ssh: [
        {
          action: 'accept',
          src: ['group:ops'],
          dst: ['tag:web'],
          users: ['deploy', 'autogroup:nonroot'],
        },
        {
          action: 'check',
          src: ['ada@corp.test'],
          dst: ['tag:web'],
          users: ['root'],
          checkPeriod: '1h',
        },
      ],
    });
    const rules = [
      { principals: ADA, sshUsers: { root: 'root' }, action: { holdAndDelegate: SSH_CHECK } },
      {
        principals: [...ADA, ...BEN],
        sshUsers: { '*': '=', deploy: 'deploy', root: '' },
        action: ACCEPT,
      },
    ];
    expect(policy.sshRulesOf(machine(policy, 'web1'))).toEqual(rules);
    expect(policy.sshRulesOf(machine(policy, 'web2'))).toEqual(rules);
    expect(policy.sshRulesOf(machine(policy, 'db1'))).toEqual([]);
  });

  test('G21: local parts, and the way of a machine to itself', () => {
    const policy = compiled({
      ssh: [
        {
          action: 'accept',
          src: ['autogroup:member'],
          dst: ['tag:db'],
          users: ['localpart:*@corp.test'],
        },
      ],
    });
    const ada = [
      { principals: ADA, sshUsers: { root: '' }, action: ACCEPT },
      { principals: ADA, sshUsers: { ada: 'ada' }, action: ACCEPT },
    ];
    const ben = [
      { principals: BEN, sshUsers: { root: '' }, action: ACCEPT },
      { principals: BEN, sshUsers: { ben: 'ben' }, action: ACCEPT },
    ];
    const of = (name: string) => policy.sshRulesOf(machine(policy, name));
    expect(of('db1')).toEqual([...ada, ...ben]);
    expect([of('ada-laptop'), of('ada-phone'), of('ben-desktop'), of('web1')]).toEqual([ada, ada, ben, []]);
  });

  test('G22: autogroup:self', () => {
    const policy = compiled({
      ssh: [
        {
          action: 'accept',
          src: ['autogroup:member'],
          dst: ['autogroup:self'],
          users: ['autogroup:nonroot'],
        },
      ],
    });
    const of = (name: string) => policy.sshRulesOf(machine(policy, name));
    const rule = (principals: object[]) => [{ principals, sshUsers: { '*': '=', root: '' }, action: ACCEPT }];
    expect([of('ada-laptop'), of('ada-phone'), of('ben-desktop'), of('db1')]).toEqual([
      rule(ADA),
      rule(ADA),
      rule(BEN),
      [],
    ]);
  });

  test('blanks around a login are no part of it', () => {
    const rule = { action: 'accept', src: ['ada@corp.test'], dst: ['tag:web'], users: [' root', 'x\t'] };
    const policy = compiled({ ssh: [rule] });
    expect(policy.sshRulesOf(machine(policy, 'web1'))?.[0]?.sshUsers).toEqual({ root: 'root', x: 'x' });
  });

  test('without a section there is no policy at all', () => {
    const policy = compiled({});
    expect(policy.sshRulesOf(machine(policy, 'web1'))).toBeUndefined();
  });

  test('an enforced recorder that is not there lets nobody in', () => {
    const rule = { action: 'accept', src: ['group:ops'], dst: ['tag:web'], users: ['deploy'] };
    const of = (more: object, nodes = NODES) => {
      const policy = compiled({ ssh: [{ ...rule, ...more }] }, network(nodes));
      return policy.sshRulesOf(machine(policy, 'web1'))?.[0]?.action;
    };
    expect(of({ recorder: ['tag:edge'] })).toMatchObject({
      accept: true,
      recorders: ['100.64.0.32:80', '[fd7a:115c:a1e0::20]:80'],
    });
    expect(of({ recorder: ['tag:router-b'] })).toEqual(ACCEPT);
    expect(of({ recorder: ['tag:router-b'], enforceRecorder: true })).toEqual({
      reject: true,
      message: expect.stringContaining('recorded'),
    });
  });
});

describe('G23: node attributes', () => {
  const policy = compiled({
    nodeAttrs: [
      { target: ['tag:web'], attr: ['disable-captive-portal-detection'] },
      { target: ['*'], attr: ['magicdns-aaaa'] },
    ],
    randomizeClientPort: true,
  });
  const everywhere = { 'magicdns-aaaa': null, 'randomize-client-port': null };
  test.each([
    ['web1', { 'disable-captive-portal-detection': null, ...everywhere }],
    ['web2', { 'disable-captive-portal-detection': null, ...everywhere }],
    ['db1', everywhere],
  ])('%s', (name, caps) => expect(policy.capMapOf(machine(policy, name))).toEqual(caps));

  test('disable-ipv4 takes the address out of sets and AllowedIPs', () => {
    const good = compiled({
      nodeAttrs: [{ target: ['tag:web'], attr: ['disable-ipv4'] }],
      acls: [{ action: 'accept', src: ['tag:web'], dst: ['tag:db:*'] }],
    });
    const [db1, web1] = [machine(good, 'db1'), machine(good, 'web1')];
    expect(good.filterOf(db1)[0]?.SrcIPs).toEqual(['fd7a:115c:a1e0::1e', 'fd7a:115c:a1e0::20']);
    expect(good.allowedIps(db1, web1)).toEqual(['fd7a:115c:a1e0::1e/128']);
  });
});

describe('G24: tests', () => {
  const acls = [{ action: 'accept', src: ['autogroup:member'], dst: ['tag:web:80,443'] }];
  test.each([
    [{ src: 'ada@corp.test', accept: ['tag:web:80'], deny: ['tag:web:22', 'tag:db:5432'] }, undefined],
    [{ src: 'tag:db', accept: ['tag:web:80'] }, 'tag:db -> tag:web:80: expected ALLOWED, got DENIED'],
    [
      { src: 'ada@corp.test', deny: ['tag:web:80'] },
      'ada@corp.test -> tag:web:80: expected DENIED, got ALLOWED',
    ],
    [{ src: 'ada@corp.test', proto: 'udp', accept: ['tag:web:443'] }, undefined],
    [{ src: 'ada@corp.test', accept: ['tag:web:80-81'] }, 'test destination port must be a single port'],
    [{ src: '*', accept: ['tag:web:80'] }, '* -> tag:web:80: expected ALLOWED, got DENIED'],
    [
      { src: 'ada@corp.test', accept: ['lan:80'] },
      'test destination must be a single host, not a CIDR range',
    ],
    [{ src: 'nobody@corp.test', deny: ['tag:web:80'] }, 'resolved to no IP addresses'],
    [
      { src: 'ada@corp.test', accept: ['autogroup:internet:80'] },
      'autogroup:internet not valid as a test destination',
    ],
    [{ src: 'ada@corp.test' }, 'test entry must have at least one of "accept" or "deny"'],
    [
      { src: 'ada@corp.test', proto: 'icmp', accept: ['tag:web:80'] },
      'test protocol must be tcp, udp, sctp, or empty',
    ],
  ])('%j: %s', (one, why) => {
    const errors = errorsOf({ acls, tests: [one] });
    if (why === undefined) expect(errors).toEqual([]);
    else expect(errors).toEqual([expect.stringContaining(why)]);
    for (const error of errors) expect(error).toMatch(/^test\(s\) failed/);
  });

  const ssh = [
    { action: 'accept', src: ['group:ops'], dst: ['tag:web'], users: ['deploy', 'autogroup:nonroot'] },
    { action: 'check', src: ['ada@corp.test'], dst: ['tag:web'], users: ['root'] },
  ];
  test.each([
    [{ src: 'ada@corp.test', dst: ['tag:web'], check: ['root'], accept: ['deploy'], deny: [] }, undefined],
    [{ src: 'ben@corp.test', dst: ['tag:web'], deny: ['root'] }, undefined],
    [
      { src: 'ben@corp.test', dst: ['tag:web'], check: ['deploy'] },
      'expected ALLOWED via check, got ALLOWED via accept',
    ],
    [{ src: 'ben@corp.test', dst: ['tag:web'], accept: ['root'] }, 'ben@corp.test/root -> web1'],
    [{ src: 'ben@corp.test', dst: ['tag:web'] }, 'no accept, deny, or check'],
    [{ src: '', dst: ['tag:web'], accept: ['x'] }, 'SSH tests entry must have a non-empty src'],
    [{ src: 'tag:db', dst: [], accept: ['x'] }, 'SSH tests entry must have at least one dst'],
    [{ src: 'tag:db', dst: ['tag:nope'], accept: ['x'] }, 'SSH tests dst contains unknown tag "tag:nope"'],
    [
      { src: 'tag:db', dst: ['10.0.0.0/8'], accept: ['x'] },
      'SSH tests dst contains disallowed element "10.0.0.0/8"',
    ],
  ])('%j: %s', (one, why) => {
    const errors = errorsOf({ ssh, sshTests: [one] });
    if (why === undefined) expect(errors).toEqual([]);
    else expect(errors.join('\n')).toContain(why);
  });

  test('a posture counts as not met for what must pass, and as met for what must not', () => {
    const postures = { 'posture:mac': ["node:os == 'macos'"] };
    const rule = [{ ...acls[0], srcPosture: ['posture:mac'] }];
    const run = (one: object) =>
      errorsOf({ acls: rule, postures, tests: [{ src: 'ada@corp.test', ...one }] });
    expect(run({ accept: ['tag:web:80'] })).toHaveLength(1);
    expect(run({ deny: ['tag:web:80'] })).toHaveLength(1);
    expect(run({ accept: ['tag:web:80'], srcPostureAttrs: { 'node:os': 'macos' } })).toEqual([]);
    expect(run({ deny: ['tag:web:80'], srcPostureAttrs: { 'node:os': 'linux' } })).toEqual([]);
  });
});
