/** The Linux router against an `ip` that keeps an interface in memory and answers in iproute2's words. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import type { IpResult, IpTool } from './ip-tool.ts';
import { cleanup, LinuxRouter } from './linux.ts';
import { NO_FIREWALL } from './types.ts';

/** One interface `rhumb0`; every answer is worded as iproute2 6.1 does. */
class FakeIp {
  exists = true;
  isUp = false;
  mtu = 1_500;
  readonly addresses = new Set<string>();
  /** Routes of this interface, by protocol. */
  readonly routes = new Map<string, string>();
  /** Prefixes routed elsewhere by others. */
  readonly elsewhere = new Set<string>();
  readonly refuse: { pattern: RegExp; answer: string }[] = [];
  batches: string[][] = [];

  readonly run: IpTool = async (args, input = '') => {
    if (args.includes('-batch')) return this.#batch(input.trim().split('\n'));
    if (!this.exists) return { code: 1, stdout: '', stderr: 'Device "rhumb0" does not exist.\n' };
    if (args.includes('addr')) return ok(JSON.stringify([this.#shown()]));
    const family = args.includes('-6');
    const listed = [...this.routes].filter(([prefix]) => prefix.includes(':') === family);
    return ok(JSON.stringify(listed.map(([prefix, protocol]) => ({ dst: bare(prefix), protocol }))));
  };

  #shown(): unknown {
    const addr_info = [...this.addresses, 'fe80::1/64'].map((prefix) => {
      const [local, bits] = prefix.split('/');
      return { local, prefixlen: Number(bits), scope: local?.startsWith('fe80') ? 'link' : 'global' };
    });
    return {
      ifname: 'rhumb0',
      flags: this.isUp ? ['POINTOPOINT', 'UP'] : ['POINTOPOINT'],
      mtu: this.mtu,
      addr_info,
    };
  }

  #batch(lines: string[]): IpResult {
    this.batches.push(lines);
    let stderr = '';
    for (const [i, line] of lines.entries()) {
      const answer = this.refuse.find(({ pattern }) => pattern.test(line))?.answer ?? this.#line(line);
      if (answer !== '') stderr += `${answer}\nCommand failed -:${i + 1}\n`;
    }
    return { code: stderr === '' ? 0 : 1, stdout: '', stderr };
  }

  #line(line: string): string {
    if (!this.exists) return 'Cannot find device "rhumb0"';
    const [object, verb, prefix = ''] = line.split(' ');
    if (object === 'link') {
      if (line.includes(' mtu ')) this.mtu = Number(line.split(' ').at(-1));
      else this.isUp = line.endsWith(' up');
      return '';
    }
    if (object === 'address') {
      if (verb === 'add' && this.addresses.has(prefix)) return 'Error: ipv4: Address already assigned.';
      if (verb === 'del' && !this.addresses.delete(prefix)) return 'Error: ipv4: Address not found.';
      if (verb === 'add') this.addresses.add(prefix);
      return '';
    }
    return this.#route(verb, prefix, line.split(' ').at(-1) ?? '');
  }

  #route(verb: string | undefined, prefix: string, protocol: string): string {
    if (verb === 'del') return this.routes.delete(prefix) ? '' : 'RTNETLINK answers: No such process';
    if (!this.isUp) return 'RTNETLINK answers: Network is down';
    if (this.elsewhere.has(prefix) || this.routes.has(prefix)) return 'RTNETLINK answers: File exists';
    this.routes.set(prefix, protocol);
    return '';
  }
}

const ok = (stdout: string): IpResult => ({ code: 0, stdout, stderr: '' });
const bare = (prefix: string): string => prefix.replace(/\/(32|128)$/, '');

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

const setUp = (hasIpv6 = true) => {
  const ip = new FakeIp();
  const recordPath = join(folder, 'router.json');
  const common = { tunName: 'rhumb0', recordPath, log: silent, ip: ip.run } as const;
  const router = new LinuxRouter({ ...common, hasIpv6: async () => hasIpv6 });
  const free = { [Symbol.dispose]: () => undefined };
  const clean = (hold = (): Disposable => free) => cleanup({ ...common, hold });
  return { ip, router, recordPath, clean };
};

describe('applying', () => {
  test('one batch makes the interface, the next time there is nothing to do', async () => {
    const { ip, router } = setUp();
    expect(await router.apply(config)).toEqual([]);
    expect(ip.batches).toEqual([
      [
        'link set dev rhumb0 mtu 1280',
        'address add 100.64.0.1/32 dev rhumb0',
        'address add fd7a:115c:a1e0::1/128 dev rhumb0 nodad',
        'link set dev rhumb0 up',
        'route add 100.64.0.2/32 dev rhumb0 proto 82',
        'route add fd7a:115c:a1e0::2/128 dev rhumb0 proto 82',
      ],
    ]);
    await router.apply(config);
    expect(ip.batches).toHaveLength(1);
  });

  test('routes and addresses that others put on the interface stay', async () => {
    const { ip, router } = setUp();
    ip.addresses.add('192.0.2.1/24');
    ip.routes.set('198.51.100.0/24', 'static');
    await router.apply(config);
    await router.clear({ keepKillSwitch: false });
    expect([...ip.addresses]).toEqual(['192.0.2.1/24']);
    expect([...ip.routes.keys()]).toEqual(['198.51.100.0/24']);
  });

  test('what somebody took away comes back', async () => {
    const { ip, router } = setUp();
    await router.apply(config);
    ip.routes.delete('100.64.0.2/32');
    await router.apply(config);
    expect(ip.batches.at(-1)).toEqual(['route add 100.64.0.2/32 dev rhumb0 proto 82']);
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
    ip.elsewhere.add('100.64.0.2/32');
    expect(await router.apply(config)).toMatchObject([{ kind: 'route-taken', prefix: '100.64.0.2/32' }]);
    expect([...ip.routes.keys()]).toEqual(['fd7a:115c:a1e0::2/128']);
  });

  test('no permission says so, with the command', async () => {
    const { ip, router } = setUp();
    ip.refuse.push({ pattern: /./, answer: 'RTNETLINK answers: Operation not permitted' });
    await expect(router.apply(config)).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'ip link set dev rhumb0 mtu 1280: not permitted; run rhumbd as root or with CAP_NET_ADMIN',
    });
  });

  test('any other refusal names the command and the reason, and the next try can succeed', async () => {
    const { ip, router } = setUp();
    ip.refuse.push({ pattern: /route add 100/, answer: 'RTNETLINK answers: No buffer space available' });
    await expect(router.apply(config)).rejects.toThrow(
      'ip route add 100.64.0.2/32 dev rhumb0 proto 82: No buffer space available',
    );
    ip.refuse.length = 0;
    await router.apply(config);
    expect(ip.batches.at(-1)).toEqual(['route add 100.64.0.2/32 dev rhumb0 proto 82']);
  });

  test('an interface that is gone is an error when applying and none when clearing', async () => {
    const { ip, router, recordPath } = setUp();
    await router.apply(config);
    ip.exists = false;
    await expect(router.apply(config)).rejects.toThrow('the interface rhumb0 does not exist');
    await router[Symbol.asyncDispose]();
    expect(existsSync(recordPath)).toBe(false);
  });

  test.each(['', 'a name', 'rhumb0\nlink set lo down', 'x'.repeat(16)])(
    'the name %j is refused',
    (tunName) => {
      expect(() => new LinuxRouter({ tunName, recordPath: folder, log: silent })).toThrow(
        'not an interface name',
      );
    },
  );
});

describe('taking back', () => {
  test('clearing leaves the interface as it was found', async () => {
    const { ip, router, recordPath } = setUp();
    await router.apply(config);
    expect(JSON.parse(readFileSync(recordPath, 'utf8'))).toMatchObject({ tunName: 'rhumb0' });
    await router.clear({ keepKillSwitch: false });
    expect({ up: ip.isUp, mtu: ip.mtu, addresses: [...ip.addresses], routes: [...ip.routes] }).toEqual({
      up: false,
      mtu: 1_500,
      addresses: [],
      routes: [],
    });
    expect(existsSync(recordPath)).toBe(false);
    await router.clear({ keepKillSwitch: false });
    expect(ip.batches).toHaveLength(2);
  });

  test('after a crash the record tells what to undo', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    await router.apply({ ...config, addresses: ['100.64.0.9/32'] });
    const done = await clean();
    expect(done).toContain('ip address del 100.64.0.9/32 dev rhumb0');
    expect([...ip.addresses, ...ip.routes.keys(), ip.mtu, ip.isUp]).toEqual([1_500, false]);
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
    expect(await clean()).toEqual([
      'ip route del 100.64.0.2/32 dev rhumb0 proto 82',
      'ip route del fd7a:115c:a1e0::2/128 dev rhumb0 proto 82',
    ]);
    expect([...ip.addresses]).toEqual(config.addresses);
  });

  test('a record cut in half still lets our routes be found by their mark', async () => {
    const { ip, router, recordPath, clean } = setUp();
    await router.apply(config);
    ip.routes.set('198.51.100.0/24', 'static');
    writeFileSync(recordPath, readFileSync(recordPath, 'utf8').slice(0, 30));
    await clean();
    expect([...ip.routes.keys()]).toEqual(['198.51.100.0/24']);
  });

  test('with no interface there is nothing to do', async () => {
    const { ip, clean } = setUp();
    ip.exists = false;
    expect(await clean()).toEqual([]);
  });
});
