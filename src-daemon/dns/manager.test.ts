/** The manager: order, failures as warnings, retries, what is stale, and what is taken back. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { DnsManager } from './manager.ts';
import type { ResolverConfig } from './resolver/types.ts';
import type { SystemEvents, SystemResolver } from './system/types.ts';
import type { DnsWish, SystemDns } from './types.ts';

const INSIDE = { routes: ['100.64.0.0/10'], except: [] };
const hosts = { addresses: () => undefined, name: () => undefined, answersBelow: () => false };
const wish = (parts: Partial<DnsWish> = {}): DnsWish => ({
  hosts,
  defaults: [],
  routes: new Map([['net.example', []]]),
  searchDomains: ['net.example'],
  hasUncoveredHosts: false,
  configuresSystem: true,
  onlyIpv6: false,
  ...parts,
});

interface Rig {
  readonly manager: DnsManager;
  readonly clock: FakeClock;
  /** In order: what our resolver and the system were told. */
  readonly log: string[];
  readonly trouble: Map<string, string>;
  /** The next calls fail with these. */
  fail: { set?: string | undefined; base?: string | undefined; open?: string | undefined };
  events(): SystemEvents;
  opened: number;
  baseServers: string[];
  /** The system takes this long to say whom it asks. */
  reading: Promise<void> | undefined;
}

function rig(canSplit = true): Rig {
  const clock = new FakeClock();
  const log: string[] = [];
  const trouble = new Map<string, string>();
  let events: SystemEvents | undefined;
  const made: Rig = {
    clock,
    log,
    trouble,
    fail: {},
    opened: 0,
    baseServers: ['192.0.2.53'],
    reading: undefined,
    events: () => {
      if (events === undefined) throw new Error('not opened');
      return events;
    },
    manager: new DnsManager({
      resolver: {
        configure: (config: ResolverConfig | undefined) =>
          void log.push(
            config === undefined ? 'resolver off' : `resolver ${config.defaults.map(({ addr }) => addr)}`,
          ),
        flush: () => void log.push('flush'),
      },
      openSystem: async (told) => {
        made.opened++;
        if (made.fail.open !== undefined) throw new Error(made.fail.open);
        events = told;
        return { system: fakeSystem(), isMiswired: false };
      },
      fileNameservers: async () => ['192.0.2.1'],
      hasIpv6: async () => false,
      isHttpsOnly: () => false,
      trouble: (what, error) => {
        if (error === undefined) trouble.delete(what);
        else trouble.set(what, error);
      },
      clock,
      random: () => 0.5,
      log: silent,
    }),
  };
  const fakeSystem = (): SystemResolver => ({
    mode: canSplit ? 'systemd-resolved' : 'direct',
    canSplit,
    set: async ({ nameservers, matchDomains }: SystemDns) => {
      if (made.fail.set !== undefined) throw new Error(made.fail.set);
      log.push(`set ${nameservers} ${matchDomains}`.trim());
    },
    restore: async () => {
      if (made.fail.set !== undefined) throw new Error(made.fail.set);
      log.push('restore');
      return true;
    },
    base: async () => {
      if (made.fail.base !== undefined) throw new Error(made.fail.base);
      const nameservers = made.baseServers;
      await made.reading;
      return { nameservers, searchDomains: [] };
    },
    baseNameservers: async () => {
      if (made.fail.base !== undefined) throw new Error(made.fail.base);
      return made.baseServers;
    },
    [Symbol.asyncDispose]: async () => void log.push('close'),
  });
  return made;
}

test('tells our resolver before the system, and the system before our resolver at the end', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  expect(r.log).toEqual(['resolver ', 'set 100.100.100.100 net.example']);
  expect(r.manager.systemDns()?.nameservers).toEqual(['100.100.100.100']);
  await r.manager.configure(undefined, INSIDE);
  expect(r.log.slice(2)).toEqual(['restore', 'resolver off']);
  expect(r.manager.systemDns()).toBeUndefined();
});

test('tells the system only what is news to it', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  await r.manager.configure(wish(), INSIDE);
  expect(r.log).toEqual(['resolver ', 'set 100.100.100.100 net.example', 'resolver ']);
});

test('does not even look at a system that is not to be told anything', async () => {
  const r = rig();
  await r.manager.configure(wish({ configuresSystem: false }), INSIDE);
  await r.manager.configure(undefined, INSIDE);
  expect(r.opened).toBe(0);
  expect(r.log).toEqual(['resolver ', 'resolver off']);
});

test('takes back what the user no longer wants', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  await r.manager.configure(wish({ configuresSystem: false }), INSIDE);
  expect(r.log.at(-1)).toBe('restore');
});

test('falls back on whom a system asked that cannot split, and reads that once', async () => {
  const r = rig(false);
  await r.manager.configure(wish(), INSIDE);
  expect(r.log).toEqual(['resolver 192.0.2.53', 'set 100.100.100.100']);
  r.baseServers = ['192.0.2.54'];
  await r.manager.configure(wish(), INSIDE);
  expect(r.log.at(-1)).toBe('resolver 192.0.2.53');
  r.manager.networkChanged();
  await settle();
  await settle();
  expect(r.log.slice(-3)).toEqual(['flush', 'resolver 192.0.2.54', 'set 100.100.100.100']);
});

test('reads anew whom the system asks when that changes while it is being read', async () => {
  const r = rig(false);
  const reading = Promise.withResolvers<void>();
  r.reading = reading.promise;
  const configured = r.manager.configure(wish(), INSIDE);
  await settle();
  r.baseServers = ['192.0.2.54'];
  r.events().stale('another program wrote the file');
  reading.resolve();
  await configured;
  await settle();
  await settle();
  expect(r.log.filter((what) => what.startsWith('resolver'))).toEqual([
    'resolver 192.0.2.53',
    'resolver 192.0.2.54',
  ]);
});

test('reads anew whom the system asks after it was left alone', async () => {
  const r = rig(false);
  await r.manager.configure(wish(), INSIDE);
  await r.manager.configure(undefined, INSIDE);
  r.baseServers = ['192.0.2.54'];
  await r.manager.configure(wish(), INSIDE);
  expect(r.log).toContain('resolver 192.0.2.54');
});

test('warns and tries again when the system refuses', async () => {
  const r = rig();
  r.fail = { set: 'no permission' };
  await r.manager.configure(wish(), INSIDE);
  expect(r.trouble.get('dns-set-os-config-failed')).toBe('no permission');
  expect(r.manager.systemDns()).toBeUndefined();
  r.fail = {};
  await r.clock.advance(1_000);
  await settle();
  expect(r.trouble.size).toBe(0);
  // Somebody else may be in charge by now.
  expect(r.opened).toBe(2);
  expect(r.log.at(-1)).toBe('set 100.100.100.100 net.example');
});

test('changes nothing when it cannot read whom the system asks', async () => {
  const r = rig(false);
  r.fail = { base: 'EIO' };
  await r.manager.configure(wish(), INSIDE);
  expect(r.trouble.get('dns-read-os-config-failed')).toBe('EIO');
  expect(r.log).toEqual(['close']);
  r.fail = {};
  await r.clock.advance(1_000);
  await settle();
  expect(r.trouble.size).toBe(0);
  expect(r.log.at(-1)).toBe('set 100.100.100.100');
});

test('warns when it cannot find out who is in charge', async () => {
  const r = rig();
  r.fail = { open: 'resolv.conf can not be read' };
  await r.manager.configure(wish(), INSIDE);
  expect([...r.trouble.values()]).toEqual(['resolv.conf can not be read']);
});

test('goes on trying to take back', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  r.fail = { set: 'busy' };
  await r.manager.configure(undefined, INSIDE);
  expect(r.trouble.get('dns-set-os-config-failed')).toBe('busy');
  r.fail = {};
  await r.clock.advance(1_000);
  await settle();
  expect(r.log.at(-2)).toBe('restore');
  expect(r.manager.systemDns()).toBeUndefined();
});

test('takes back what was set before it kept failing', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  r.fail = { set: 'disk full' };
  r.events().stale('overwritten');
  for (let i = 0; i < 10; i++) await r.clock.advance(60_000);
  expect(r.opened).toBeGreaterThan(1);
  r.fail = {};
  await r.manager.configure(undefined, INSIDE);
  expect(r.log.slice(-2)).toEqual(['restore', 'resolver off']);
});

test('does all again when what was set is gone', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  r.events().stale('systemd-resolved has started anew');
  await settle();
  await settle();
  expect(r.log.slice(-2)).toEqual(['resolver ', 'set 100.100.100.100 net.example']);
});

test('passes on that another program keeps the file', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  r.events().overwritten(true);
  expect(r.trouble.has('resolv-conf-overwritten')).toBe(true);
  await r.manager.configure(undefined, INSIDE);
  expect(r.trouble.size).toBe(0);
});

test('knows the servers of the machine at any time', async () => {
  const r = rig();
  expect(await r.manager.baseNameservers()).toEqual(['192.0.2.1']);
  await r.manager.configure(wish(), INSIDE);
  expect(await r.manager.baseNameservers()).toEqual(['192.0.2.53']);
  r.fail = { base: 'the bus is gone' };
  expect(await r.manager.baseNameservers()).toEqual(['192.0.2.1']);
});

test('leaves the system as it was when it ends, and does nothing afterwards', async () => {
  const r = rig();
  await r.manager.configure(wish(), INSIDE);
  await r.manager[Symbol.asyncDispose]();
  expect(r.log.slice(-3)).toEqual(['restore', 'resolver off', 'close']);
  await r.manager.configure(wish(), INSIDE);
  expect(r.log.at(-1)).toBe('close');
});
