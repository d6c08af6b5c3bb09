/** Router, firewall and kill switch against a real kernel, in a network namespace of the test's own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { bareSystem, missingTool } from '../firewall/fake-system.ts';
import { Firewall, type FirewallSystem } from '../firewall/firewall.ts';
import type { Iptables } from '../firewall/iptables.ts';
import { systemTool, type Tool } from '../firewall/tool.ts';
import { cleanup } from './cleanup.ts';
import { LinuxRouter } from './linux.ts';
import { NO_FIREWALL, type RouterConfig } from './types.ts';

const NETNS = `rhumb-kernel-${process.pid}`;
const has = (program: string): boolean => spawnSync('which', [program]).status === 0;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const mayRun = isRoot && has('ip') && has('nft') && spawnSync('ip', ['netns', 'list']).status === 0;
/** Of util-linux. */
const UNSHARE = 'unshare';
/** Counts what leaves below everything that a firewall sees; Linux 5.16. */
const mayCount =
  mayRun &&
  has('python3') &&
  spawnSync(UNSHARE, [
    '-n',
    'nft',
    'add table netdev a; add chain netdev a b { type filter hook egress device lo priority 0; }',
  ]).status === 0;
const hasIptables = mayRun && has('iptables-nft') && has('ip6tables-nft');

const inside =
  (program: string): Tool =>
  (args, input) =>
    systemTool('ip', 'iproute2')(['netns', 'exec', NETNS, program, ...args], input);
const iptables = (family: 4 | 6): Iptables => {
  const name = family === 4 ? 'iptables-nft' : 'ip6tables-nft';
  return { family, name, save: inside(`${name}-save`), restore: inside(`${name}-restore`) };
};
const run = (script: string): string =>
  execFileSync('ip', ['netns', 'exec', NETNS, 'sh', '-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
/** Without counters, and without the queue that a link gets when it first comes up. */
const state = (): string =>
  run(
    'ip -4 rule; ip -6 rule; ip -4 route show table all; ip address show dev rhumb0 | grep -v link/; nft -s list ruleset 2>/dev/null',
  ).replace(/qdisc \S+ /g, '');

const systems: Readonly<Record<'nftables' | 'iptables', FirewallSystem>> = {
  nftables: { ...bareSystem(), nft: inside('nft') },
  iptables: { ...bareSystem(), nft: missingTool('nft'), iptables: [iptables(4), iptables(6)] },
};
const kinds = (['nftables', 'iptables'] as const).filter((kind) => kind === 'nftables' || hasIptables);

const config: RouterConfig = {
  addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
  mtu: 1_280,
  routes: ['100.64.0.2/32', 'fd7a:115c:a1e0::/48', '0.0.0.0/0', '::/0'],
  localRoutes: ['10.9.0.0/24'],
  firewall: {
    ...NO_FIREWALL,
    mode: 'on',
    snat: true,
    stateful: true,
    forwards: true,
    udpPort: 41_641,
  },
};

let folder = '';
beforeEach(() => {
  if (!mayRun) return;
  folder = mkdtempSync(join(tmpdir(), 'rhumb-kernel-'));
  execFileSync('ip', ['netns', 'add', NETNS]);
  // The tunnel's other end drops what it gets; the wire has a neighbour whose addresses are known.
  run(
    'sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; ip link set lo up; ip link add rhumb0 type veth peer name inner; ip link set inner up; ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; ip address add 10.9.0.1/24 dev eth0; ip address add fd09::1/64 dev eth0 nodad; for a in 10.9.0.2 10.9.0.53 fd09::2; do ip neighbour add $a lladdr 02:00:00:00:00:01 dev eth0; done; ip route add default via 10.9.0.2; ip -6 route add default via fd09::2',
  );
});
afterEach(() => {
  if (!mayRun) return;
  execFileSync('ip', ['netns', 'del', NETNS]);
  rmSync(folder, { recursive: true });
});

const setUp = (kind: 'nftables' | 'iptables') => {
  const firewall = new Firewall(silent, systems[kind]);
  const recordPath = join(folder, 'router.json');
  const ip: Tool = (args, input) => systemTool('ip', 'iproute2')(['-n', NETNS, ...args], input);
  const common = { tunName: 'rhumb0', recordPath, log: silent, ip, firewall } as const;
  const router = new LinuxRouter({
    ...common,
    clock: new FakeClock(),
    hasIpv6: async () => true,
    hasFile: () => false,
  });
  const free = { [Symbol.dispose]: () => undefined };
  const clean = () => cleanup({ ...common, keepKillSwitch: false, hold: () => free });
  return { router, clean, recordPath };
};

describe.runIf(mayRun).each(kinds)('with %s', (kind) => {
  // iptables makes its tables on first use and leaves them, empty.
  const readied = (): void => {
    if (kind === 'iptables')
      run('for t in iptables-nft ip6tables-nft; do for x in filter nat mangle; do $t -t $x -S; done; done');
  };
  const rulesOnly = (text: string): string =>
    text
      .split('\n')
      .filter((line) => kind === 'nftables' || /rhumb|proto 82|lookup|dev /.test(line))
      .join('\n');

  test('everything is made once, and nothing of it is left', async () => {
    readied();
    const { router, recordPath } = setUp(kind);
    const before = rulesOnly(state());
    expect(await router.apply(config)).toEqual([]);
    const applied = state();
    expect(applied).toContain('5270:	from all lookup 52 proto 82');
    expect(run('ip route get 8.8.8.8')).toContain('dev rhumb0');
    expect(run('ip route get 8.8.8.8 mark 0x80000')).toContain('dev eth0');
    expect(run('ip -6 route get 2001:db8::1 mark 0x80000')).toContain('dev eth0');
    expect(run('ip route get 10.9.0.2')).toContain('dev eth0');
    expect(applied).toContain('masquerade');
    await router.apply({ ...config });
    expect(state()).toBe(applied);
    await router.clear({ killSwitch: undefined });
    expect(rulesOnly(state())).toBe(before);
    expect(existsSync(recordPath)).toBe(false);
  });

  test('a clean-up after a crash takes back the same, and the kill switch', async () => {
    readied();
    const { router, clean } = setUp(kind);
    const before = rulesOnly(state());
    const firewall = { ...config.firewall, killSwitch: { lan: [] } };
    await router.apply({ ...config, firewall });
    const done = await setUp(kind).clean();
    expect(done).toContain('rules of the firewall');
    expect(done.at(-1)).toMatch(/^the kill switch/);
    expect(rulesOnly(state())).toBe(before);
    expect(await clean()).toEqual([]);
  });

  test('changes of mode and options are made in place', async () => {
    readied();
    const { router } = setUp(kind);
    const before = rulesOnly(state());
    const apply = (more: Partial<RouterConfig['firewall']>): Promise<unknown> =>
      router.apply({ ...config, firewall: { ...config.firewall, ...more } });
    await apply({});
    await apply({ snat: false });
    expect(state()).not.toContain('masquerade');
    await apply({ mode: 'nodivert' });
    expect(state()).not.toMatch(/jump rhumb-/);
    expect(state()).toContain('rhumb-forward');
    await apply({ mode: 'off' });
    expect(state()).not.toContain('rhumb-');
    await apply({ mode: 'on' });
    expect(state()).toMatch(/jump rhumb-/);
    await router.clear({ killSwitch: undefined });
    expect(rulesOnly(state())).toBe(before);
  });

  const sent = (): number =>
    Number(/udp.*packets (\d+)/.exec(run('nft list chain netdev probe out'))?.[1] ?? Number.NaN);
  const watched = (): void =>
    void run(
      "nft 'add table netdev probe; add chain netdev probe out { type filter hook egress device eth0 priority 0; }; add rule netdev probe out meta l4proto udp counter'",
    );
  const udp = (to: readonly string[], ports: readonly number[], mark = 0): void => {
    const option = mark === 0 ? '' : `s.setsockopt(1, 36, ${mark})`;
    run(`python3 - <<'END'
import socket
for to in ${JSON.stringify(to)}:
    for port in ${JSON.stringify(ports)}:
        s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM)
        ${option}
        try: s.sendto(b'x', (to, port))
        except OSError: pass
END`);
  };

  test.runIf(mayCount)(
    'with the kill switch nothing leaves beside the tunnel, whoever deletes rules and routes',
    async () => {
      const { router } = setUp(kind);
      watched();
      udp(['203.0.113.1'], [9]);
      expect(sent()).toBe(1);
      const closed = { ...config.firewall, killSwitch: { lan: [] } };
      await router.apply({ ...config, localRoutes: [], firewall: closed });
      const attempt = (): void =>
        udp(['203.0.113.1', '10.9.0.2', '10.9.0.53', '2001:db8::1', 'fd09::2'], [9, 53, 853, 443]);
      attempt();
      run('ip -4 rule del pref 5270; ip -6 rule del pref 5270; ip route flush table 52');
      attempt();
      run('ip link set rhumb0 down');
      attempt();
      expect(sent()).toBe(1);
      udp(['203.0.113.1', '2001:db8::1'], [9], 0x80000);
      expect(sent()).toBe(3);
      await router.clear({ killSwitch: { lan: [] } });
      attempt();
      expect(sent()).toBe(3);
      await router.clear({ killSwitch: undefined });
      udp(['203.0.113.1'], [9]);
      expect(sent()).toBe(4);
    },
  );

  test.runIf(mayCount)(
    'a packet that others give another way on its way out does not leave by it',
    async () => {
      const { router } = setUp(kind);
      watched();
      const closed = { ...config.firewall, killSwitch: { lan: [] } };
      await router.apply({ ...config, firewall: closed });
      run(
        "ip rule add pref 100 fwmark 0x1 lookup main; nft 'add table ip others; add chain ip others to { type nat hook output priority -100; }; add rule ip others to ip daddr 203.0.113.1 dnat to 10.9.0.2; add chain ip others marks { type route hook output priority -150; }; add rule ip others marks ip daddr 203.0.113.2 meta mark set 1'",
      );
      udp(['203.0.113.1', '203.0.113.2'], [9]);
      expect(sent()).toBe(0);
    },
  );

  test.runIf(mayCount)('the LAN is open where the user says so, but for names', async () => {
    const { router } = setUp(kind);
    watched();
    await router.clear({ killSwitch: { lan: ['10.9.0.0/24', 'fd09::/64'] } });
    udp(['10.9.0.2', 'fd09::2'], [443]);
    expect(sent()).toBe(2);
    udp(['10.9.0.53', 'fd09::2'], [53, 853]);
    udp(['203.0.113.1'], [443]);
    expect(sent()).toBe(2);
  });
});

test.runIf(hasIptables)(
  'rules of others that drop get accepts of ours, and stay readable to iptables',
  async () => {
    run('iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -j DROP; ip6tables-nft -P INPUT DROP');
    run(
      "nft 'add table inet fw; add chain inet fw in { type filter hook input priority 10; policy drop; }; add chain inet fw count { type filter hook prerouting priority 0; }'",
    );
    const before = state();
    const { router } = setUp('nftables');
    await router.apply(config);
    expect(run('iptables-nft -S FORWARD')).toMatch(
      /^-P FORWARD DROP\n-A FORWARD -i rhumb0 .*-j ACCEPT\n-A FORWARD -o rhumb0 .*-j ACCEPT\n-A FORWARD -j DROP\n$/,
    );
    expect(run('ip6tables-nft-save')).not.toContain('incompatible');
    expect(run('nft list chain inet fw in')).toMatch(
      /iifname "rhumb0" .*accept[^\n]*\n[^\n]*udp dport 41641/,
    );
    await router.apply({ ...config, routes: [] });
    expect(run('iptables-nft -S FORWARD').match(/rhumb0/g)).toHaveLength(2);
    await router.clear({ killSwitch: undefined });
    expect(state()).toBe(before);
  },
);
