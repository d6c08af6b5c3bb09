/** A router that is killed at any moment of its work leaves nothing that a clean-up does not find, in a network namespace of the test's own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { bareSystem } from '../firewall/fake-system.ts';
import { Firewall } from '../firewall/firewall.ts';
import { systemTool, type Tool } from '../firewall/tool.ts';
import { cleanup } from './cleanup.ts';

const NETNS = `rhumb-kill-${process.pid}`;
const has = (program: string): boolean => spawnSync('which', [program]).status === 0;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const mayRun = isRoot && has('ip') && has('nft') && spawnSync('ip', ['netns', 'list']).status === 0;
/** Fifty take two minutes. */
const RUNS = Number(process.env['RHUMB_KILLS'] ?? 5);
const MAX_LIFE_MS = 1_500;

const MARKS = '/proc/sys/net/ipv4/conf/all/src_valid_mark';
const run = (script: string): string =>
  execFileSync('ip', ['netns', 'exec', NETNS, 'sh', '-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
const state = (): string =>
  run(
    `ip -4 rule; ip -6 rule; ip route show table all; ip -6 route show table all; ip address show dev rhumb0; nft -s list ruleset; cat ${MARKS}`,
  ).replace(/qdisc \S+ |fe80::\S+|expires \S+|qlen \d+/g, '');

/** Changes its mind all the time: exit node, many routes, allowed networks, none of it; ends only by being killed. */
const ROUTER = (folder: string): string => `
const { LinuxRouter } = await import(process.argv[1]);
const { systemClock } = await import('#shared/node/clock.ts');
const router = new LinuxRouter({ tunName: 'rhumb0', recordPath: '${folder}/router.rhumb0.json', clock: systemClock(), log: () => undefined, hasIpv6: async () => true, hasFile: () => false });
const firewall = (killSwitch) => ({ mode: 'on', kind: '', snat: true, stateful: false, dropsCgnat: true, forwards: true, udpPort: 41641, killSwitch });
const hosts = Array.from({ length: 300 }, (_, i) => '100.64.' + (i >> 8) + '.' + (i & 255) + '/32');
const common = { addresses: ['100.99.0.1/32', 'fd7a:115c:a1e0::1/128'], mtu: 1280 };
process.stdout.write('ready');
for (;;) {
  await router.apply({ ...common, routes: hosts, localRoutes: [], firewall: firewall(undefined) });
  await router.apply({ ...common, routes: [...hosts, '0.0.0.0/0', '::/0'], localRoutes: ['10.9.0.0/24'], firewall: firewall({ lan: ['10.9.0.0/24'] }) });
  await router.apply({ ...common, routes: ['0.0.0.0/0', '::/0'], localRoutes: [], firewall: firewall({ lan: [] }) });
  await router.clear({ killSwitch: { lan: [] } });
  await router.apply({ ...common, routes: [], localRoutes: [], firewall: firewall(undefined) });
  await router.clear({ killSwitch: undefined });
}`;

async function killedAfter(ms: number, folder: string): Promise<void> {
  const node = [process.execPath, '--input-type=module', '-e', ROUTER(folder), '--', './linux.ts'];
  const argv = ['netns', 'exec', NETNS, ...node];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'], cwd: import.meta.dirname });
  await once(child.stdout, 'data');
  const over = once(child, 'close');
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill('SIGKILL');
  // Programs that it ran hold its output until they end: a service manager kills those, too.
  await over;
}

describe.runIf(mayRun)('killed at any moment', () => {
  test('it leaves what a clean-up takes away', { timeout: 20_000 + RUNS * 10_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rhumb-kill-'));
    const tool =
      (program: string): Tool =>
      (args, input) =>
        systemTool('ip', 'iproute2')(['netns', 'exec', NETNS, program, ...args], input);
    const firewall = new Firewall(silent, {
      ...bareSystem(),
      nft: tool('nft'),
      read: (path) => run(`cat ${path}`),
      write: (path, text) => run(`printf ${text.trim()} > ${path}`) === '',
    });
    const hold = () => ({ [Symbol.dispose]: () => undefined });
    const recordPath = join(folder, 'router.rhumb0.json');
    execFileSync('ip', ['netns', 'add', NETNS]);
    try {
      run(
        'ip link set lo up; ip link add rhumb0 type veth peer name inner; ip link set inner up; ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; ip address add 10.9.0.1/24 dev eth0; ip route add default via 10.9.0.2',
      );
      // Once up and down again, a link has addresses and a queue that it had not before.
      run('ip link set rhumb0 up; sleep 2; ip link set rhumb0 down');
      const before = state();
      await fc.assert(
        fc.asyncProperty(fc.nat(MAX_LIFE_MS), async (ms) => {
          await killedAfter(ms, folder);
          await cleanup({
            tunName: 'rhumb0',
            recordPath,
            log: silent,
            keepKillSwitch: false,
            ip: tool('ip'),
            firewall,
            hold,
          });
          expect(state()).toBe(before);
          expect(readdirSync(folder).filter((name) => !name.endsWith('.tmp'))).toEqual([]);
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    } finally {
      execFileSync('ip', ['netns', 'del', NETNS]);
      rmSync(folder, { recursive: true });
    }
  });
});
