/** `policy compile|check|explain` without a server: what is printed where, and the exit status. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { runProgram } from './program.ts';

const root = mkdtempSync(join(tmpdir(), 'rhumb-policy-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const file = (text: string): string => {
  const path = join(root, String(count++));
  writeFileSync(path, text);
  return path;
};

async function run(...args: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const exit = await runProgram(args, {
    clock: systemClock(),
    random: () => 0.5,
    openLog: () => silent,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    ending: AbortSignal.timeout(5_000),
  });
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

const topology = file(`{
  // comments are fine here too
  "users": [{"id": 1, "name": "ada", "email": "ada@corp.test"}],
  "nodes": {
    "laptop": {"hostname": "laptop", "user": "ada", "ipv4": "100.64.0.1", "ipv6": "fd7a:115c:a1e0::1"},
    "2": {"hostname": "web", "tags": ["tag:web"], "ipv4": "100.64.0.9", "ipv6": "fd7a:115c:a1e0::9"},
    "router": {
      "hostname": "router", "tags": ["tag:router"], "ipv4": "100.64.0.20", "ipv6": "fd7a:115c:a1e0::20",
      "routable_ips": ["10.1.0.0/16", "10.2.0.0/16"], "approved_routes": ["10.1.0.0/16"],
    },
  },
}`);
const POLICY = {
  tagOwners: { 'tag:web': [], 'tag:router': [] },
  acls: [
    { action: 'accept', src: ['ada@corp.test'], dst: ['tag:web:443', '10.1.0.0/16:*'], proto: 'tcp' },
    { action: 'accept', src: ['tag:web'], dst: ['10.2.0.0/16:*'] },
  ],
  autoApprovers: { routes: { '10.0.0.0/8': ['tag:router'] } },
  nodeAttrs: [{ target: ['tag:web'], attr: ['magicdns-aaaa'] }],
};
const good = file(JSON.stringify(POLICY));

describe('compile', () => {
  test('prints what each machine gets, under the name that it has in the topology', async () => {
    const ran = await run('policy', 'compile', good, '--topology', topology, '--output', 'json');
    expect(ran.exit).toBe(0);
    const { errors, nodes } = JSON.parse(ran.out);
    expect(errors).toEqual([]);
    const port = { First: 443, Last: 443 };
    expect(nodes['2']).toEqual({
      packet_filter_rules: [
        {
          SrcIPs: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
          DstPorts: [
            { IP: '100.64.0.9', Ports: port },
            { IP: 'fd7a:115c:a1e0::9', Ports: port },
          ],
          IPProto: [6],
        },
      ],
      peers: ['laptop'],
      allowed_ips: { laptop: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'] },
      ssh_rules: [],
      cap_map: { 'magicdns-aaaa': null },
      auto_approved: [],
    });
    expect(nodes.laptop.allowed_ips.router).toEqual([
      '100.64.0.20/32',
      'fd7a:115c:a1e0::20/128',
      '10.1.0.0/16',
    ]);
    expect(nodes.router.auto_approved).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    expect(ran.err).toContain('warning[policy/route-unapproved]');
  });

  test('exits with 1 and the errors when the policy is bad', async () => {
    const bad = file('{\n  "acls": [{"action": "accept", "src": ["tag:x"], "dst": ["*:*"]}]\n}');
    const ran = await run('policy', 'compile', bad, '--topology', topology, '--output', 'json');
    expect(ran.exit).toBe(1);
    expect(JSON.parse(ran.out)).toEqual({
      errors: [{ message: 'src=tag not found: "tag:x"', line: 2, column: 41 }],
      nodes: {},
    });
    expect(ran.err).toContain(`${bad}:2:41: error[policy/undefined-tag]: src=tag not found: "tag:x"`);
    expect(ran.err).toMatch(/\n {2} +\^{7}\n/);
  });

  test('exits with 1 when a test of the policy fails', async () => {
    const tests = [{ src: 'ada@corp.test', deny: ['tag:web:443'] }];
    const bad = file(JSON.stringify({ ...POLICY, tests }));
    const ran = await run('policy', 'compile', bad, '--topology', topology, '-o', 'json');
    expect([ran.exit, JSON.parse(ran.out).errors[0].message]).toEqual([
      1,
      'test(s) failed:\nada@corp.test -> tag:web:443: expected DENIED, got ALLOWED',
    ]);
  });

  test.each([
    ['{"users": [], "nodes": []}', 5, /topology: nodes: must be an object/],
    ['{"nodes": {"a": {"ipv4": "1.2.3"}}}', 5, /nodes\.a\.ipv4: "1\.2\.3" is no IPv4 address/],
    ['{"nodes": {"a": {"user": "eve"}}}', 5, /nodes\.a\.user: user "eve" is not in users/],
    ['{"nodes": {"a": {"tags": 1}}}', 5, /nodes\.a\.tags/],
    ['{"nodes": {', 5, /line 1, column 12/],
  ])('refuses the topology %s', async (text, exit, why) => {
    const ran = await run('policy', 'compile', good, '--topology', file(text));
    expect([ran.exit, ran.err]).toEqual([exit, expect.stringMatching(why)]);
  });

  test('a file that is not there is named', async () => {
    const ran = await run('policy', 'compile', '/nowhere', '--topology', topology);
    expect([ran.exit, ran.err]).toEqual([3, expect.stringContaining("can't read the policy /nowhere")]);
  });
});

test('check needs no network, and runs the tests when it has one', async () => {
  const tests = [{ src: 'tag:web', accept: ['ada@corp.test:22'] }];
  const failing = file(JSON.stringify({ ...POLICY, tests }));
  expect(await run('policy', 'check', failing)).toMatchObject({ exit: 0, out: `${failing} is good` });
  expect(await run('policy', 'check', failing, '--topology', topology)).toMatchObject({ exit: 1, out: '' });
});

test.each(['json', 'json-line', 'yaml'])('a check that fails is told in %s', async (format) => {
  const bad = file('{"acl": []}');
  const ran = await run('policy', 'check', bad, '-o', format);
  expect(ran.exit).toBe(1);
  expect(parse(ran.out)).toMatchObject({ errors: [{ message: expect.stringContaining('acls'), line: 1 }] });
});

describe('explain', () => {
  test.each([
    ['laptop', 'web:443', /allowed\n {2}by \/acls\/0 at .*:1:\d+:.*\n {2}enforced by 2$/s],
    ['laptop', 'web:22', /denied\n {2}rules let laptop reach it, but not with port 22/],
    ['laptop', '10.1.2.3', /allowed\n.*enforced by router/s],
    ['tag:web', '10.2.0.1:80', /denied\n {2}router announces a route to 10\.2\.0\.1, but nobody approved it/],
    ['web', 'laptop', /denied\n {2}no rule has laptop as a destination/],
    ['router', 'web', /denied\n {2}rules lead there, but none of them has router as a source/],
    ['laptop', 'laptop', /allowed\n {2}a machine always reaches itself/],
    ['ghost', 'web', /denied\n {2}nothing to send: "ghost" is no machine/],
    ['web', '192.0.2.1', /denied\n {2}no machine has or serves 192\.0\.2\.1/],
  ])('%s to %s', async (src, dst, words) => {
    const ran = await run('policy', 'explain', src, dst, '--policy', good, '--topology', topology);
    expect([ran.exit, ran.out]).toEqual([0, expect.stringMatching(words)]);
  });

  test('a protocol that the rule does not have is denied', async () => {
    const at = ['--policy', good, '--topology', topology, '--proto', 'udp', '-o', 'json'];
    const ran = await run('policy', 'explain', 'laptop', 'web', ...at);
    expect(JSON.parse(ran.out)).toMatchObject({ verdict: 'denied', enforced_by: ['2'] });
  });

  test('a posture that is not met is named', async () => {
    const rule = {
      action: 'accept',
      src: ['ada@corp.test'],
      dst: ['tag:web:*'],
      srcPosture: ['posture:mac'],
    };
    const policy = file(
      JSON.stringify({ ...POLICY, acls: [rule], postures: { 'posture:mac': ["node:os == 'macos'"] } }),
    );
    const ran = await run('policy', 'explain', 'laptop', 'web', '--policy', policy, '--topology', topology);
    expect(ran.out).toContain("does not meet the rule's srcPosture");
  });
});

describe('the policy of a network', () => {
  const state = (): string[] => ['--state-dir', mkdtempSync(join(root, 'state-'))];

  async function begun(): Promise<string[]> {
    const at = state();
    expect((await run('users', 'create', 'ada', ...at)).exit).toBe(0);
    return at;
  }

  test('is set from a file, printed as it was written, and compared', async () => {
    const at = await begun();
    const [first, second] = [file('// mine\n{"acls": []}'), file('{"groups": {}, "acls": []}')];
    const none = await run('policy', 'get', ...at);
    expect([none.exit, none.err]).toEqual([0, 'there is no policy: every machine reaches every other']);
    expect(await run('policy', 'set', first, ...at)).toMatchObject({
      exit: 0,
      out: 'version 1 of the policy is in force',
    });
    expect((await run('policy', 'get', ...at)).out).toBe('// mine\n{"acls": []}');
    const diff = await run('policy', 'diff', '-f', second, ...at);
    expect(diff.out).toContain('+{"groups": {}, "acls": []}');
    expect((await run('policy', 'set', '-f', second, '--comment', 'why', ...at)).exit).toBe(0);
    const history = await run('policy', 'history', ...at);
    expect(history.out).toMatch(/2 +yes .*why/);
    expect((await run('policy', 'rollback', '1', ...at)).out).toBe(
      'version 3 is in force, with the text of version 1',
    );
  });

  test('does not change by a file with errors, nor by a version that is over', async () => {
    const at = await begun();
    const bad = await run('policy', 'set', file('{"acl": []}'), ...at);
    expect([bad.exit, bad.out]).toEqual([5, '']);
    expect(bad.err).toMatch(/:1:2: error\[policy\/unknown-field\]: .*did you mean "acls"/);
    const late = await run('policy', 'set', file('{"acls": []}'), '--if-match', 'x', ...at);
    expect(late.exit).toBe(4);
    const open = file('{"groups": {}}');
    expect((await run('policy', 'set', file('{"acls": []}'), ...at)).exit).toBe(0);
    const asked = await run('policy', 'set', open, ...at);
    expect([asked.exit, asked.err]).toEqual([1, expect.stringMatching(/careful: .*every other\n.*--force/)]);
    expect((await run('policy', 'set', open, '--force', ...at)).exit).toBe(0);
    expect((await run('policy', 'check', '--live', open, ...at)).exit).toBe(0);
    const live = await run('policy', 'check', '--live', file('{"acl": []}'), '-o', 'yaml', ...at);
    expect([live.exit, parse(live.out)]).toMatchObject([5, { errors: [{ code: 'policy/unknown-field' }] }]);
    expect((await run('policy', 'explain', 'ada@', '100.64.0.9:22', ...at)).out).toContain(': denied');
  });
});
