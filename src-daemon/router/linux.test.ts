/** The Linux router against an `ip` that keeps an interface in memory and answers in iproute2's words. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { bareSystem } from '../firewall/fake-system.ts';
import { Firewall } from '../firewall/firewall.ts';
import type { Tool } from '../firewall/tool.ts';
import { cleanup } from './cleanup.ts';
import { FakeIp } from './fake-ip.ts';
import { LinuxRouter } from './linux.ts';
import type { Deletion } from './restorer.ts';
import { NO_FIREWALL } from './types.ts';

const config = {
  addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
  mtu: 1_280,
  localRoutes: [],
  firewall: NO_FIREWALL,
  routes: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rhumb-router-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const setUp = (hasIpv6 = true, files = new Map<string, string>(), nft?: Tool) => {
  const ip = new FakeIp();
  const clock = new FakeClock();
  const recordPath = join(folder, 'router.json');
  const bare = bareSystem(files);
  const firewall = new Firewall(silent, nft === undefined ? bare : { ...bare, nft });
  const common = { tunName: 'rhumb0', recordPath, log: silent, ip: ip.run, firewall } as const;
  let tell: ((deletion: Deletion) => void) | undefined;
  const router = new LinuxRouter({
    ...common,
    clock,
    hasIpv6: async () => hasIpv6,
    hasFile: () => false,
    watch: (onDeletion, signal) => {
      tell = onDeletion;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  });
  const free = { [Symbol.dispose]: () => undefined };
  const clean = (hold = (): Disposable => free) => cleanup({ ...common, keepKillSwitch: false, hold });
  const gone = async (deletion: Deletion): Promise<void> => {
    tell?.(deletion);
    await clock.advance(60_000);
    for (let i = 0; i < 20; i++) await settle();
  };
  return { ip, clock, router, recordPath, clean, gone, files };
};

describe('applying', () => {
  test('one batch makes everything but the IPv6 rules, the next time there is nothing to do', async () => {
    const { ip, router } = setUp();
    expect(await router.apply(config)).toEqual([]);
    expect(ip.batches.map((lines) => lines.length)).toEqual([4, 10]);
    expect([...ip.routes.keys()]).toEqual(config.routes);
    expect(ip.rules.size).toBe(8);
    const { calls } = ip;
    await router.apply(config);
    await router.apply(config);
    expect(ip.calls).toBe(calls);
  });

  test('a change costs what it changes', async () => {
    const { ip, router } = setUp();
    await router.apply(config);
    const { calls } = ip;
    await router.apply({ ...config, routes: [...config.routes, '10.0.0.0/8'] });
    expect(ip.calls).toBe(calls + 1);
    expect(ip.batches.at(-1)).toEqual(['route add 10.0.0.0/8 dev rhumb0 table 52 proto 82']);
  });

  test('routes and addresses of others stay, and rules while their routes need them', async () => {
    const { ip, router } = setUp();
    ip.addresses.add('192.0.2.1/24');
    ip.others('198.51.100.0/24');
    await router.apply(config);
    await router.clear({ killSwitch: undefined });
    expect([...ip.addresses]).toEqual(['192.0.2.1/24']);
    expect([...ip.routes.keys()]).toEqual(['198.51.100.0/24']);
    expect(ip.rules.size).toBe(8);
  });

  test('changes asked for at once are made one after the other', async () => {
    const { ip, router } = setUp();
    await Promise.all([
      router.apply(config),
      router.apply({ ...config, routes: [] }),
      router.apply({ ...config, routes: ['100.64.0.3/32'] }),
    ]);
    expect([...ip.routes.keys()]).toEqual(['100.64.0.3/32']);
  });
});

describe('what others take away', () => {
  test.each<Deletion>([
    { what: 'rule', priority: 5_270, pid: 1 },
    { what: 'route', table: 52, pid: 1 },
    { what: 'address', index: 7, pid: 0 },
    { what: 'all', pid: 0 },
  ])('comes back after a moment: $what', async (deletion) => {
    const { ip, router, gone } = setUp();
    await router.apply(config);
    ip.rules.clear();
    ip.routes.delete('100.64.0.2/32');
    ip.addresses.delete('100.64.0.1/32');
    await gone(deletion);
    expect([ip.rules.size, ip.routes.size, ip.addresses.size]).toEqual([8, 2, 2]);
  });

  test.each<Deletion>([
    { what: 'rule', priority: 1_000, pid: 1 },
    { what: 'route', table: 254, pid: 1 },
    { what: 'address', index: 2, pid: 0 },
    { what: 'firewall', pid: 1 },
    { what: 'route', table: 52, pid: 1_001 },
  ])('is none of our business when it was not ours, or we did it: %j', async (deletion) => {
    const { ip, router, gone } = setUp();
    await router.apply(config);
    const { calls } = ip;
    await gone(deletion);
    expect(ip.calls).toBe(calls);
  });

  test('stays away once everything was taken back', async () => {
    const { ip, router, gone } = setUp();
    await router.apply(config);
    await router.clear({ killSwitch: undefined });
    await gone({ what: 'all', pid: 0 });
    expect([ip.rules.size, ip.routes.size]).toEqual([0, 0]);
  });

  test('never costs more than one look in five seconds after a burst', async () => {
    const { ip, router, clock, gone } = setUp();
    await router.apply(config);
    await clock.advance(60_000);
    const { calls } = ip;
    for (let i = 0; i < 10; i++) await gone({ what: 'all', pid: 0 });
    expect(ip.calls - calls).toBe(50);
    await router[Symbol.asyncDispose]();
    expect(clock.pending).toBe(0);
  });
});

describe('what can not be had', () => {
  test('a host without IPv6 is a warning that says what to do', async () => {
    const { ip, router } = setUp(false);
    expect(await router.apply(config)).toMatchObject([{ kind: 'no-ipv6', text: /sysctl net\.ipv6/ }]);
    expect([...ip.routes.keys()]).toEqual(['100.64.0.2/32']);
  });

  test('IPv6 refused by the kernel is the same warning, once', async () => {
    const { ip, router } = setUp();
    ip.refuse.push({ pattern: /fd7a/, answer: 'Error: ipv6: IPv6 is disabled on this device.' });
    expect(await router.apply(config)).toMatchObject([{ kind: 'no-ipv6' }]);
    expect([...ip.routes.keys()]).toEqual(['100.64.0.2/32']);
  });

  test('a route that another has is kept and named, the others are made', async () => {
    const { ip, router } = setUp();
    ip.others('100.64.0.2/32');
    expect(await router.apply(config)).toMatchObject([{ kind: 'route-taken', prefix: '100.64.0.2/32' }]);
    expect(ip.routes.get('fd7a:115c:a1e0::2/128')?.to).toBe('tunnel');
    expect(ip.routes.get('100.64.0.2/32')?.to).toBe('elsewhere');
  });

  test('no permission says so, with the command', async () => {
    const { ip, router } = setUp();
    ip.refuse.push({ pattern: /./, answer: 'RTNETLINK answers: Operation not permitted' });
    await expect(router.apply(config)).rejects.toMatchObject({
      code: 'not-allowed',
      message: expect.stringMatching(
        /^ip rule add .*: not permitted; run rhumbd as root or with CAP_NET_ADMIN$/,
      ),
    });
  });

  test('any other refusal names the command and the reason, and the next try can succeed', async () => {
    const { ip, router } = setUp();
    ip.refuse.push({ pattern: /route add 100/, answer: 'RTNETLINK answers: No buffer space available' });
    await expect(router.apply(config)).rejects.toThrow(
      'ip route add 100.64.0.2/32 dev rhumb0 table 52 proto 82: No buffer space available',
    );
    ip.refuse.length = 0;
    await router.apply(config);
    expect(ip.batches.at(-1)).toEqual(['route add 100.64.0.2/32 dev rhumb0 table 52 proto 82']);
  });

  test('an interface that is gone is an error when applying and none when clearing', async () => {
    const { ip, router, recordPath, gone } = setUp();
    await router.apply(config);
    ip.exists = false;
    await gone({ what: 'address', index: 7, pid: 0 });
    await expect(router.apply(config)).rejects.toThrow('the interface rhumb0 does not exist');
    await router[Symbol.asyncDispose]();
    expect(existsSync(recordPath)).toBe(false);
  });

  test.each(['', 'a name', 'rhumb0\nlink set lo down', 'x'.repeat(16)])(
    'the name %j is refused',
    (tunName) => {
      expect(
        () => new LinuxRouter({ tunName, recordPath: folder, log: silent, clock: new FakeClock() }),
      ).toThrow('not an interface name');
    },
  );
});

describe('taking back', () => {
  test('clearing leaves the interface as it was found', async () => {
    const { ip, router, recordPath } = setUp();
    await router.apply(config);
    expect(JSON.parse(readFileSync(recordPath, 'utf8'))).toMatchObject({ tunName: 'rhumb0' });
    await router.clear({ killSwitch: undefined });
    expect([ip.isUp, ip.mtu, ip.addresses.size, ip.routes.size, ip.rules.size]).toEqual([
      false,
      1_500,
      0,
      0,
      0,
    ]);
    expect(existsSync(recordPath)).toBe(false);
    await router.clear({ killSwitch: undefined });
    expect(ip.batches).toHaveLength(4);
  });

  test('after a crash the record tells what to undo', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    await router.apply({ ...config, addresses: ['100.64.0.9/32'] });
    const done = await clean();
    expect(done).toContain('ip address del 100.64.0.9/32 dev rhumb0');
    expect([...ip.addresses, ...ip.routes.keys(), ...ip.rules, ip.mtu, ip.isUp]).toEqual([1_500, false]);
    expect(existsSync(recordPath)).toBe(false);
    expect(await clean()).toEqual([]);
  });

  test('what another process holds is left alone', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    const before = [...ip.routes.keys()];
    const held = (): never => {
      throw new RhumbError('conflict', 'another program uses it');
    };
    await expect(clean(held)).rejects.toThrow('another program uses it');
    expect([...ip.routes.keys()]).toEqual(before);
    expect(existsSync(recordPath)).toBe(true);
  });

  test('a record of another interface is not acted upon', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    const record = readFileSync(recordPath, 'utf8');
    writeFileSync(recordPath, record.replace('rhumb0', 'rhumb1'));
    expect(await clean()).toHaveLength(2 + 8);
    expect([...ip.addresses]).toEqual(config.addresses);
  });

  test('a record cut in half still lets our routes be found by their mark', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    ip.others('198.51.100.0/24');
    writeFileSync(recordPath, readFileSync(recordPath, 'utf8').slice(0, 30));
    await clean();
    expect([...ip.routes.keys()]).toEqual(['198.51.100.0/24']);
  });

  test('with no interface the rules still go', async () => {
    const { ip, router, clean } = setUp();
    await router.apply(config);
    ip.exists = false;
    ip.routes.clear();
    expect(await clean()).toHaveLength(8);
    expect(ip.rules.size).toBe(0);
    expect(await clean()).toEqual([]);
  });
});

describe('marks', () => {
  const marks = '/proc/sys/net/ipv4/conf/all/src_valid_mark';
  const withFirewall = { ...config, firewall: { ...NO_FIREWALL, mode: 'on' } as const };

  test('are looked at by reverse-path filtering, and no longer at the end', async () => {
    const { router, files, recordPath } = setUp(true, new Map([[marks, '0\n']]));
    await router.apply(withFirewall);
    expect(files.get(marks)).toBe('1\n');
    expect(JSON.parse(readFileSync(recordPath, 'utf8')).firewall).toEqual({ srcValidMark: '0' });
    await router.clear({ killSwitch: undefined });
    expect(files.get(marks)).toBe('0\n');
  });

  test('stay as they are where somebody set that before', async () => {
    const { router, files } = setUp(true, new Map([[marks, '1\n']]));
    await router.apply(withFirewall);
    await router.clear({ killSwitch: undefined });
    expect(files.get(marks)).toBe('1\n');
  });

  test('are put back after a crash', async () => {
    const { router, files, clean } = setUp(true, new Map([[marks, '0\n']]));
    await router.apply(withFirewall);
    await clean();
    expect(files.get(marks)).toBe('0\n');
  });
});

describe('without a firewall program', () => {
  test('routes are made and it is said what is missing', async () => {
    const { ip, router } = setUp();
    const warnings = await router.apply({ ...config, firewall: { ...NO_FIREWALL, mode: 'on' } });
    expect(warnings).toMatchObject([{ kind: 'firewall-failed', text: /install nftables/ }]);
    expect(ip.routes.size).toBe(2);
  });

  test('an exit node is an error, and the routes hold all the same', async () => {
    const { ip, router } = setUp();
    const firewall = { ...NO_FIREWALL, mode: 'on', killSwitch: { lan: [] } } as const;
    const closed = { ...config, routes: ['0.0.0.0/0', '::/0'], firewall };
    await expect(router.apply(closed)).rejects.toThrow('install nftables');
    expect([...ip.routes.keys()]).toEqual(['0.0.0.0/0', '::/0']);
    await expect(router.apply(closed)).rejects.toThrow('install nftables');
  });

  test('without a tunnel routes into nowhere hold what no kill switch can', async () => {
    const { ip, router } = setUp();
    await expect(router.clear({ killSwitch: { lan: ['10.9.0.0/24'] } })).rejects.toThrow('install nftables');
    expect([...ip.routes.values()].map(({ prefix, to }) => `${to} ${prefix}`)).toEqual([
      'throw 10.9.0.0/24',
      'tunnel 0.0.0.0/0',
      'tunnel ::/0',
    ]);
    await router[Symbol.asyncDispose]();
    expect(ip.routes.size).toBe(0);
  });

  test('what others take away while an attempt fails does not bring back the wish before', async () => {
    const { ip, router, gone } = setUp();
    await router.apply(config);
    const firewall = { ...NO_FIREWALL, mode: 'on', killSwitch: { lan: [] } } as const;
    await expect(router.apply({ ...config, routes: ['0.0.0.0/0'], firewall })).rejects.toThrow();
    await gone({ what: 'all', pid: 0 });
    expect([...ip.routes.keys()]).toEqual(['0.0.0.0/0']);
  });
});

describe('with a kill switch', () => {
  const firewall = { ...NO_FIREWALL, mode: 'on', killSwitch: { lan: [] } } as const;
  /** Takes every batch and shows the kill switch that is in force. */
  const withNft = () => {
    const state = { shown: '', sets: 0 };
    const nft: Tool = async (args, input = '') => {
      if (input.includes('add table inet rhumb-killswitch')) {
        const rules = input.split('\n').filter((line) => line.startsWith('add rule inet'));
        state.shown = rules.length > 0 ? ['table', ...rules].join('\n\t\t') : '';
        state.sets++;
      }
      if (args.includes('-s')) return { code: state.shown === '' ? 1 : 0, stdout: state.shown, stderr: '' };
      return { code: 0, stdout: '', stderr: '' };
    };
    return { state, ...setUp(true, new Map(), nft) };
  };

  test('nothing leaves even when the routes are refused', async () => {
    const { ip, router, state } = withNft();
    ip.refuse.push({ pattern: /route add/, answer: 'RTNETLINK answers: No buffer space available' });
    await expect(router.apply({ ...config, firewall })).rejects.toThrow('No buffer space');
    expect(state.shown).toMatch(/^table/);
  });

  test('nothing leaves even when the disk is full', async () => {
    const { router, state, recordPath } = withNft();
    mkdirSync(recordPath);
    await expect(router.apply({ ...config, firewall })).rejects.toThrow();
    expect(state.shown).toMatch(/^table/);
  });

  test('who wants the firewall left alone is held by routes alone, while the daemon runs', async () => {
    const { ip, router, state, gone } = withNft();
    await router.apply({ ...config, firewall });
    await router.clear({ killSwitch: { lan: [], byRoutesOnly: true } });
    expect([state.shown, [...ip.routes.keys()]]).toEqual(['', ['0.0.0.0/0', '::/0']]);
    ip.routes.clear();
    await gone({ what: 'route', table: 52, pid: 1 });
    expect([...ip.routes.keys()]).toEqual(['0.0.0.0/0', '::/0']);
    await router[Symbol.asyncDispose]();
    expect([ip.routes.size, ip.rules.size]).toEqual([0, 0]);
  });

  test('it comes back when somebody has taken or emptied it, and is left alone otherwise', async () => {
    const { router, state, gone } = withNft();
    await router.apply({ ...config, firewall });
    await gone({ what: 'firewall', pid: 1 });
    expect(state.sets).toBe(1);
    state.shown = 'table without rules';
    await gone({ what: 'firewall', pid: 1 });
    expect([state.shown, state.sets]).toEqual([expect.stringContaining('add rule'), 2]);
  });

  test('a clean-up opens the way also where routes can not be taken back', async () => {
    const { ip, router, state, clean } = withNft();
    await router.apply({ ...config, firewall });
    ip.refuse.push({ pattern: /rule del/, answer: 'RTNETLINK answers: No buffer space available' });
    const held = (): never => {
      throw new RhumbError('conflict', 'another program uses it');
    };
    await expect(clean(held)).rejects.toThrow('another program');
    expect(state.shown).toMatch(/^table/);
    await expect(clean()).rejects.toThrow('No buffer space');
    expect(state.shown).toBe('');
  });

  test('who gives the exit node up gets out although something else can not be taken back', async () => {
    const { ip, router, state } = withNft();
    await router.apply({ ...config, firewall });
    ip.refuse.push({ pattern: /rule del/, answer: 'RTNETLINK answers: No buffer space available' });
    await expect(router.clear({ killSwitch: undefined })).rejects.toThrow('No buffer space');
    expect(state.shown).toBe('');
  });
});
