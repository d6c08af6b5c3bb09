/** Which program changes the firewall, and what follows when it can't, with an `nft` that keeps chains in memory. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { bareSystem, missingTool } from './fake-system.ts';
import { Firewall, type FirewallSystem } from './firewall.ts';
import type { Iptables } from './iptables.ts';
import type { Tool, ToolResult } from './tool.ts';
import type { FirewallConfig } from './types.ts';

const ok = (stdout = ''): ToolResult => ({ code: 0, stdout, stderr: '' });
const json = (items: readonly unknown[]): ToolResult => ok(JSON.stringify({ nftables: items }));

class FakeNft {
  chains: { family: string; table: string; name: string; type: string; hook: string }[] = [];
  flags: unknown;
  batches: string[] = [];
  /** What the next batches are answered. */
  answers: ToolResult[] = [];

  readonly run: Tool = async (args, input) => {
    if (input !== undefined) {
      this.batches.push(input);
      return this.answers.shift() ?? ok();
    }
    const asked = args.join(' ');
    if (asked.endsWith('list chains')) return json(this.chains.map((chain) => ({ chain })));
    if (asked.endsWith('list tables'))
      return json(
        this.chains.map(({ family, table }) => ({ table: { family, name: table, flags: this.flags } })),
      );
    return asked.includes('rhumb-killswitch') ? { code: 1, stdout: '', stderr: 'No such file' } : json([]);
  };
}

const config: FirewallConfig = {
  mode: 'on',
  kind: '',
  snat: true,
  stateful: false,
  dropsCgnat: true,
  forwards: true,
  udpPort: 41_641,
  killSwitch: undefined,
};
const facts = { tunName: 'rhumb0', addresses: ['100.64.0.1/32'] };
const forward = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward' };

const fakeIptables = (family: 4 | 6, done: string[]): Iptables => ({
  family,
  name: family === 4 ? 'iptables' : 'ip6tables',
  save: async () => ok(),
  restore: async (_args, input = '') => {
    done.push(input);
    return ok();
  },
});

const setUp = (more: Partial<FirewallSystem> = {}) => {
  const nft = new FakeNft();
  const firewall = new Firewall(silent, { ...bareSystem(), nft: nft.run, ...more });
  return { nft, firewall };
};

test('accepts go to the head of every chain of others that decides, in the transaction of our own', async () => {
  const { nft, firewall } = setUp();
  nft.chains = [
    forward,
    { ...forward, family: 'inet', table: 'fw', name: 'in', hook: 'input' },
    { ...forward, family: 'bridge' },
    { ...forward, type: 'nat', hook: 'postrouting' },
    { ...forward, table: 'rhumb-killswitch', family: 'inet' },
    { ...forward, table: 'a b; flush ruleset' },
  ];
  expect(await firewall.apply(config, facts)).toEqual([]);
  expect(nft.batches).toHaveLength(1);
  expect(nft.batches[0]?.match(/^insert rule .*$/gm)).toEqual([
    'insert rule ip filter FORWARD oifname "rhumb0" counter accept comment "rhumb"',
    'insert rule ip filter FORWARD iifname "rhumb0" counter accept comment "rhumb"',
    'insert rule inet fw in udp dport 41641 counter accept comment "rhumb"',
    'insert rule inet fw in iifname "rhumb0" counter accept comment "rhumb"',
  ]);
});

test('what changed under our hands is looked at again', async () => {
  const { nft, firewall } = setUp();
  nft.answers = [{ code: 1, stdout: '', stderr: 'Error: Could not process rule: No such file or directory' }];
  expect(await firewall.apply(config, facts)).toEqual([]);
  expect(nft.batches).toHaveLength(2);
});

test('a refusal is a warning with the first complaint', async () => {
  const { nft, firewall } = setUp();
  nft.answers = [{ code: 1, stdout: '', stderr: '\n/dev/stdin:3: Error: not supported\nmore\n' }];
  expect(await firewall.apply(config, facts)).toEqual([
    { kind: 'firewall-failed', text: 'nft: /dev/stdin:3: Error: not supported' },
  ]);
});

test("a table that is another program's alone is named, and the rest is in force", async () => {
  const { nft, firewall } = setUp();
  nft.chains = [{ ...forward, family: 'inet', table: 'firewalld' }];
  nft.flags = ['owner', 'persist'];
  expect(await firewall.apply(config, facts)).toMatchObject([
    { kind: 'firewall-failed', text: /inet firewalld .*--add-interface=rhumb0/ },
  ]);
  expect(nft.batches[0]).not.toContain('insert rule');
});

test('without nft it is iptables, and another choice takes the first back', async () => {
  const done: string[] = [];
  const iptables = [fakeIptables(4, done), fakeIptables(6, done)];
  const { nft, firewall } = setUp({ iptables });
  expect(await firewall.apply({ ...config, kind: 'iptables' }, facts)).toEqual([]);
  expect([done.length, nft.batches.length]).toEqual([2, 0]);
  await firewall.apply(config, facts);
  expect(nft.batches.at(-1)).toContain('add table ip rhumb');
  const bare = new Firewall(silent, { ...bareSystem(), iptables });
  await bare.apply(config, facts);
  expect(done).toHaveLength(4);
});

test('a forced program that is missing is a warning that names it', async () => {
  const { firewall } = setUp();
  expect(await firewall.apply({ ...config, kind: 'iptables' }, facts)).toMatchObject([
    { kind: 'firewall-failed', text: /install iptables, or let rhumbd choose/ },
  ]);
});

test.each([
  { what: 'nothing', more: {}, says: /install nftables/ },
  {
    what: 'iptables for one family of two',
    more: { iptables: [fakeIptables(4, [])], exists: (path: string) => path === '/proc/net/if_inet6' },
    says: /IPv6 too/,
  },
])('with $what there is no kill switch', async ({ more, says }) => {
  const firewall = new Firewall(silent, { ...bareSystem(), ...more });
  await expect(firewall.setKillSwitch({ lan: [] }, config, 'rhumb0')).rejects.toThrow(says);
});

test('a program that is missing is no reason to leave the way open', async () => {
  const { nft, firewall } = setUp();
  await firewall.setKillSwitch({ lan: [] }, { kind: 'iptables', forwards: false }, 'rhumb0');
  expect(nft.batches[0]).toContain('add table inet rhumb-killswitch');
});

test.each([
  { what: 'all of it', left: '' },
  {
    what: 'its rules',
    left: 'table inet rhumb-killswitch {\n\tchain output {\n\t\ttype filter hook output\n\t}\n}',
  },
])('when somebody takes $what while it is being made, the next look makes it again', async ({ left }) => {
  let sets = 0;
  const nft: Tool = async (args, input) => {
    if (input !== undefined) sets++;
    return args.includes('-s') ? { code: left === '' ? 1 : 0, stdout: left, stderr: '' } : ok();
  };
  const { firewall } = setUp({ nft });
  await firewall.setKillSwitch({ lan: [] }, config, 'rhumb0');
  await firewall.setKillSwitch({ lan: [] }, config, 'rhumb0');
  expect(sets).toBe(2);
});

test('a kill switch that can not be taken away any more is no success', async () => {
  let isThere = true;
  const nft = new FakeNft();
  const run: Tool = async (args, input) => (isThere ? nft.run : missingTool('nft'))(args, input);
  const { firewall } = setUp({ nft: run });
  await firewall.setKillSwitch({ lan: [] }, config, 'rhumb0');
  isThere = false;
  await expect(firewall.clearKillSwitch()).rejects.toThrow(/install nftables, then: rhumbd --cleanup/);
});

test('what an earlier run closed by the other program goes when this one closes', async () => {
  const done: string[] = [];
  const saved = '*filter\n:rhumb-kill-out - [0:0]\n-A OUTPUT -j rhumb-kill-out\nCOMMIT\n';
  const iptables = [{ ...fakeIptables(4, done), save: async () => ok(saved) }];
  const { firewall } = setUp({ iptables });
  await firewall.setKillSwitch({ lan: [] }, config, 'rhumb0');
  expect(done).toEqual([expect.stringContaining('-X rhumb-kill-out')]);
});

test('a kill switch for a prefix that is none is refused', async () => {
  const { nft, firewall } = setUp();
  const wrong = firewall.setKillSwitch({ lan: ['1.2.3.4/32 accept'] }, config, 'rhumb0');
  await expect(wrong).rejects.toThrow('not an address');
  expect(nft.batches).toEqual([]);
});

test('Docker with stateful filtering is told of', async () => {
  const { firewall } = setUp({ exists: (path) => path === '/sys/class/net/docker0' });
  expect(await firewall.apply({ ...config, stateful: true }, facts)).toMatchObject([
    { kind: 'docker-stateful-filtering' },
  ]);
});

test('without firewall mode nothing is run', async () => {
  const { nft, firewall } = setUp();
  expect(await firewall.apply({ ...config, mode: 'off' }, facts)).toEqual([]);
  expect(nft.batches).toEqual([]);
});
