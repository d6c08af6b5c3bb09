/** Every error has its text and its place (policy.md §6.3, §17 G25). */
import { describe, expect, test } from 'vitest';
import { checkText } from './offline/compile-offline.ts';
import { readTopology } from './offline/topology.ts';
import { compiled, errorsOf, machine, network, USERS } from './testing/golden.ts';
import { checkUsers } from './verdict/check-users.ts';

const found = (text: string, severity = 'error'): string[] =>
  checkText(text)
    .report.all.filter((one) => one.severity === severity)
    .map(({ range, code, message }) => `${range.start.line}:${range.start.column} ${code} ${message}`);

test('G25: all errors of a file, in order', () => {
  const text = `{
  "tagOwners": {"tag:web": ["ada@corp.test"]},
  "acls": [
    {"action": "accept", "src": ["tag:wbe"], "dst": ["tag:web:80"]},
    {"action": "deny",   "src": ["*"],       "dst": ["tag:web:0"]},
  ],
  "grant": [],
}`;
  expect(found(text)).toEqual([
    '4:34 policy/undefined-tag src=tag not found: "tag:wbe" (did you mean "tag:web"?)',
    '5:16 policy/acl-action action="deny" is not supported',
    `5:54 policy/port-zero dst="tag:web:0": port range "0": first port must be >0, or use '*' for wildcard`,
    '7:3 policy/unknown-field unknown field: "grant" (did you mean "grants"?)',
  ]);
});

const acl = (more: object): object => ({
  acls: [{ action: 'accept', src: ['tag:web'], dst: ['tag:db:*'], ...more }],
});
const grant = (more: object): object => ({
  grants: [{ src: ['tag:web'], dst: ['tag:db'], ip: ['*'], ...more }],
});
const ssh = (more: object): object => ({
  ssh: [{ action: 'accept', src: ['ada@corp.test'], dst: ['tag:db'], users: ['root'], ...more }],
});

describe('every row of the catalogue', () => {
  test.each<[object, string]>([
    [acl({ extra: 1 }), 'unknown field: "extra"'],
    [acl({ action: 'Accept' }), 'action="Accept" is not supported'],
    [acl({ src: ['tag:nope'] }), 'src=tag not found: "tag:nope"'],
    [acl({ dst: ['tag:nope:1'] }), 'dst="tag:nope": tag not found: "tag:nope"'],
    [grant({ src: ['tag:nope'] }), 'src=tag not found: "tag:nope"'],
    [grant({ dst: ['tag:nope'] }), 'tag not found: "tag:nope"'],
    [grant({ via: ['tag:nope'] }), 'tag "tag:nope" not found'],
    [grant({ via: ['group:ops'] }), 'via can only be a tag'],
    [acl({ src: ['group:nope'] }), 'group not defined in policy: "group:nope"'],
    [acl({ src: ['nope'] }), 'host not defined in policy: "nope"'],
    [acl({ src: ['ipset:nope'] }), 'ipset not defined in policy: "ipset:nope"'],
    [acl({ src: ['what:ever'] }), 'invalid alias format'],
    [acl({ src: ['autogroup:what'] }), 'unknown autogroup'],
    [acl({ src: ['autogroup:self'] }), '"autogroup:self" not valid on the src side of a rule'],
    [acl({ src: ['autogroup:internet'] }), 'autogroup:internet can only be used in ACL destinations'],
    [acl({ dst: ['autogroup:danger-all:*'] }), 'cannot use autogroup:danger-all as a dst'],
    [acl({ src: ['autogroup:nonroot'] }), 'autogroup not supported for ACL sources'],
    [acl({ dst: ['autogroup:nonroot:*'] }), 'autogroup not supported for ACL destinations'],
    [
      acl({ dst: ['autogroup:self:*'] }),
      'autogroup:self can only be used with users, groups, or supported autogroups',
    ],
    [
      grant({ src: ['*'], dst: ['autogroup:self'] }),
      'autogroup:self can only be used with users, groups, or supported autogroups',
    ],
    [grant({ ip: undefined }), 'ip and app can not both be empty'],
    [grant({ app: { 'https://x/y': [] } }), 'capability name must have the form {domain}/{path}'],
    [
      grant({ app: { 'tailscale.com/cap/relay-target': [] } }),
      'capability name must not be in the tailscale.com domain',
    ],
    [
      grant({ dst: ['autogroup:internet'], app: { 'a.test/b': [] } }),
      'cannot use app grants with autogroup:internet',
    ],
    [grant({ dst: ['0.0.0.0/0'] }), 'dst "0.0.0.0/0": to allow all IP addresses, use "*"'],
    [grant({ ip: ['icmp'] }), 'port range "icmp": invalid first integer (did you mean "icmp:*"?)'],
    [grant({ ip: ['tcp:1:2'] }), 'expected only one colon in Internet protocol and port type'],
    [acl({ dst: ['tag:db'] }), 'dst="tag:db": port range "db": invalid first integer'],
    [acl({ dst: ['tag:db:90-80'] }), 'invalid port range: first port is greater than last port'],
    [acl({ dst: ['tag:db:70000'] }), 'port number out of range'],
    [acl({ dst: ['tag:db:1-2-3'] }), 'invalid port range format'],
    [acl({ dst: ['tag:db:-5'] }), 'invalid port range format'],
    [acl({ dst: ['tag:db:5-'] }), 'invalid port range format'],
    [acl({ dst: ['printer'] }), 'hostport must contain a colon'],
    [acl({ dst: ['[10.0.0.1]:80'] }), 'square brackets are only valid around IPv6 addresses'],
    [acl({ proto: '*' }), 'proto name "*" not known; use protocol number 0-255'],
    [acl({ proto: '0' }), 'leading 0 not permitted in protocol number'],
    [acl({ proto: '256' }), 'protocol number out of range (0-255)'],
    [acl({ proto: 'gre', dst: ['tag:db:22'] }), 'protocol does not support specific ports: "gre"'],
    [acl({ srcPosture: ['posture:nope'] }), 'posture not defined in policy: "posture:nope"'],
    [
      { groups: { 'group:a': ['group:b'], 'group:b': [] } },
      'groups["group:a"]: "group:b": group members cannot be recursive',
    ],
    [{ groups: { 'group:a': 'x' } }, 'group value must be an array of users'],
    [{ groups: { 'group:a': ['tag:x'] } }, 'invalid group member type'],
    [{ hosts: { a: 'b' } }, 'hostname contains invalid IP address'],
    [
      { tagOwners: { 'tag:1x': [] } },
      `tagOwners["tag:1x"]: tag names must start with a letter, after 'tag:'`,
    ],
    [{ tagOwners: { 'tag:a': ['tag:b'] } }, 'tag "tag:a" references undefined tag "tag:b"'],
    [{ ipsets: { 'ipset:a': ['add ipset:b'], 'ipset:b': ['ipset:a'] } }, 'may not contain themselves'],
    [{ ipsets: { 'ipset:a': ['add 10.0.0.0/8', '10.0.0.0/8'] } }, 'begin every entry with'],
    [{ ipsets: { 'ipset:a': ['tag:web'] } }, 'not supported for IP sets'],
    [{ postures: { 'posture:a': ['node:os = "x"'] } }, 'invalid condition'],
    [{ oneCGNATRoute: 'x' }, 'must be one of "", "mac-always", "mac-never"'],
    [{ acls: null }, 'acls must be an array, not null'],
    [ssh({ action: undefined }), 'action must be specified'],
    [ssh({ action: 'Accept' }), '"Accept" is not a valid action'],
    [ssh({ users: [] }), 'users must be specified'],
    [ssh({ users: ['*'] }), 'user "*" is not valid'],
    [ssh({ users: [''] }), 'user "" is not valid'],
    [ssh({ acceptEnv: [''] }), 'acceptEnv values cannot be empty'],
    [ssh({ checkPeriod: '1h' }), 'checkPeriod is only valid with action "check"'],
    [ssh({ action: 'check', checkPeriod: '-1m' }), 'checkPeriod -1m0s must be a positive duration'],
    [ssh({ action: 'check', checkPeriod: '168h0m1s' }), 'checkPeriod 168h0m1s is above the max (168h)'],
    [ssh({ action: 'check', checkPeriod: 'abc' }), 'time: invalid duration "abc"'],
    [ssh({ dst: ['printer'] }), 'invalid dst "printer"'],
    [ssh({ dst: ['*'] }), 'wildcard (*) is not supported as SSH destination'],
    [ssh({ dst: ['group:ops'] }), 'alias not supported for SSH destination'],
    [ssh({ src: ['10.0.0.1'] }), 'alias not supported for SSH source'],
    [
      ssh({ src: ['tag:db'], dst: ['ada@corp.test'] }),
      'tags in SSH source cannot access user-owned devices (ada@corp.test)',
    ],
    [
      ssh({ dst: ['ben@corp.test'] }),
      'user destination requires source to contain only that same user "ben@corp.test"',
    ],
    [
      ssh({ src: ['tag:db'], dst: ['autogroup:self'] }),
      'autogroup:self destination requires source to contain only users or groups, not tags',
    ],
    [
      ssh({ src: ['tag:db'], dst: ['autogroup:member'] }),
      'tags in SSH source cannot access autogroup:member',
    ],
    [{ nodeAttrs: [{ target: ['autogroup:self'], attr: ['x'] }] }, 'does not support this autogroup'],
    [{ nodeAttrs: [{ target: ['*'], ipPool: ['10.0.0.0/8'] }] }, 'ipPool must be within 100.64.0.0/10'],
    [
      { nodeAttrs: [{ target: ['*'], ipPool: ['100.100.100.0/24'] }] },
      'ipPool must not overlap reserved Tailscale ranges',
    ],
    [{ nodeAttrs: [{ target: ['*'], app: { x: [] } }] }, 'unknown nodeAttrs app "x"'],
    [{ derpMap: { regions: { '900': { nodes: [] } } } }, 'region 900 has no nodes'],
    [{ derpMap: { omitDefaultRegions: true } }, 'leaves no relay'],
  ])('%j: %s', (policy, why) => expect(errorsOf(policy).join('\n')).toContain(why));
});

describe('names of fields and of things', () => {
  test('fields in any case, old names with a warning, editors’ notes ignored', () => {
    const text =
      '{"ACLs": [{"action": "accept", "users": ["*"], "ports": ["10.0.0.1:*"], "#ha-meta": {"x": 1}}]}';
    expect(found(text)).toEqual([]);
    expect(found(text, 'warning')).toEqual([
      '1:32 policy/deprecated-alias "users" is an old name: write "src"',
      '1:48 policy/deprecated-alias "ports" is an old name: write "dst"',
    ]);
  });

  test('a field, a name or an alias twice is an error', () => {
    expect(found('{"acls": [], "ACLS": []}')[0]).toContain('duplicate field: "ACLS"');
    expect(found('{"groups": {"group:a": [], "group:a": []}}')[0]).toContain('duplicate name in groups');
    const both = '{"acls": [{"action": "accept", "src": ["*"], "users": ["*"], "dst": ["*:*"]}]}';
    expect(found(both)[0]).toContain('two names of one field');
  });

  test('a name that two people have is refused, one that nobody has is a warning', () => {
    const { ast, report } = checkText('{"groups": {"group:a": ["ada@", "eve@x.test"]}}');
    const { users } = readTopology(
      JSON.stringify({ users: [...USERS, { id: 9, name: 'ada', email: 'other@corp.test' }], nodes: {} }),
    );
    if (ast !== undefined) checkUsers(ast, users, report);
    expect(report.all.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      'warning group "group:a" is not used in any rule',
      expect.stringMatching(/^error multiple users found: "ada@" may be ada \(id 1.*\) or ada \(id 9/),
      expect.stringContaining('warning user not found: "eve@x.test"'),
    ]);
  });

  test('groups of the identity provider and roles resolve', () => {
    const net = network();
    const [ada, ben] = net.users;
    if (ada === undefined || ben === undefined) throw new Error('no users');
    const users = [
      { ...ada, providerGroups: ['eng'] },
      { ...ben, roles: ['admin'] },
    ];
    const policy = {
      groups: { 'group:eng': ['oidc-group:eng'] },
      acls: [
        { action: 'accept', src: ['group:eng'], dst: ['tag:db:1'] },
        { action: 'accept', src: ['autogroup:admin'], dst: ['tag:db:2'] },
      ],
    };
    const good = compiled(policy, { ...net, users });
    const sources = good.filterOf(machine(good, 'db1')).map(({ SrcIPs }) => SrcIPs.length);
    expect(sources).toEqual([4, 2]);
  });
});
