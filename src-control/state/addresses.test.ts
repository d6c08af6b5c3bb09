/** Address allocation: order, chance, several prefixes, pools, quarantine, exhaustion, and that it does not slow down. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CHROMEOS,
  isTailnetIp,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixContains,
} from '#shared/ip/address.ts';
import { AddressBook, type AddressPlan, almostFull, DEFAULT_PLAN } from './addresses.ts';

const prefixes = (...texts: readonly string[]): readonly Prefix[] =>
  texts.map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw new Error(text);
    return prefix;
  });
const book = (over: Partial<AddressPlan> = {}): AddressBook => new AddressBook({ ...DEFAULT_PLAN, ...over });
const small = (...texts: readonly string[]): AddressBook => book({ v4: prefixes(...texts) });
const take4 = (from: AddressBook, count = 1): readonly string[] =>
  Array.from({ length: count }, () => from.take('ipv4', 0));

describe('in order', () => {
  test('starts after the network address and goes up', () => {
    expect(take4(book(), 2)).toEqual(['100.64.0.1', '100.64.0.2']);
  });

  test('goes on after the highest address in use', () => {
    const all = book();
    all.use('100.64.0.9');
    expect(take4(all)).toEqual(['100.64.0.10']);
  });

  test('skips the service addresses and the ChromeOS range', () => {
    const all = book();
    all.use('100.100.99.255');
    expect(take4(all)).toEqual(['100.100.101.0']);
    all.use('100.115.91.255');
    expect(take4(all)).toEqual(['100.115.94.0']);
  });

  test('never gives the broadcast address, and wraps to what was freed', () => {
    const all = book();
    all.use('100.64.0.1');
    all.use('100.127.255.253');
    expect(take4(all, 2)).toEqual(['100.127.255.254', '100.64.0.2']);
    all.free('100.64.0.1');
    all.use('100.127.255.254');
    expect(take4(all)).toEqual(['100.64.0.1']);
  });

  test('addresses outside the range are left alone', () => {
    const all = book();
    for (const text of ['10.0.0.1', 'not an address', '2001:db8::1']) all.use(text);
    expect(take4(all)).toEqual(['100.64.0.1']);
    expect(all.take('ipv6', 0)).toBe('fd7a:115c:a1e0::1');
  });

  test('IPv6 counts from ::1 and skips ::53', () => {
    const all = book();
    expect(all.take('ipv6', 0)).toBe('fd7a:115c:a1e0::1');
    all.use('fd7a:115c:a1e0::52');
    expect(all.take('ipv6', 0)).toBe('fd7a:115c:a1e0::54');
  });

  test('gives fifty thousand different ones without slowing down', () => {
    const all = book();
    const seen = new Set(take4(all, 50_000));
    expect(seen.size).toBe(50_000);
    for (const text of seen) {
      const ip = parseIp(text);
      expect(ip !== undefined && isTailnetIp(ip) && !prefixContains(CHROMEOS, ip)).toBe(true);
    }
  });
});

describe('several prefixes', () => {
  test('the second is begun when the first is full, and the first is gone back to', () => {
    const all = small('100.64.0.0/30', '100.80.0.0/30');
    expect(take4(all, 4)).toEqual(['100.64.0.1', '100.64.0.2', '100.80.0.1', '100.80.0.2']);
    expect(() => all.take('ipv4', 0)).toThrow(/every address of the network is in use.*add a prefix/);
    all.free('100.64.0.2');
    expect(take4(all)).toEqual(['100.64.0.2']);
  });

  test('IPv6 likewise', () => {
    const all = book({ v6: prefixes('fd7a:115c:a1e0:1::/126', 'fd7a:115c:a1e0:2::/64') });
    const taken = Array.from({ length: 3 }, () => all.take('ipv6', 0));
    expect(taken).toEqual(['fd7a:115c:a1e0:1::1', 'fd7a:115c:a1e0:1::2', 'fd7a:115c:a1e0:2::1']);
  });

  test('a prefix of one address gives it', () => {
    expect(take4(small('100.64.9.9/32'))).toEqual(['100.64.9.9']);
  });
});

describe('by chance', () => {
  test('gives each address of a prefix once, all of them, and none outside', () => {
    const all = book({ strategy: 'random', v4: prefixes('100.64.4.0/24') });
    const taken = new Set(take4(all, 254));
    expect(taken.size).toBe(254);
    expect([...taken].every((text) => /^100\.64\.4\.([1-9]\d?|1\d\d|2[0-4]\d|25[0-4])$/.test(text))).toBe(
      true,
    );
    expect(() => all.take('ipv4', 0)).toThrow(/in use/);
  });

  test('two books agree on little', () => {
    const [a, b] = [book({ strategy: 'random' }), book({ strategy: 'random' })];
    expect(take4(a, 20)).not.toEqual(take4(b, 20));
    expect(a.take('ipv6', 0)).not.toBe(b.take('ipv6', 0));
  });
});

describe('pools of the policy', () => {
  test('an address comes from the pool, also outside the prefixes, until it is full', () => {
    const all = small('100.64.0.0/24');
    const pool = ['100.90.0.0/31'];
    expect([all.take('ipv4', 0, pool), all.take('ipv4', 0, pool)]).toEqual(['100.90.0.0', '100.90.0.1']);
    expect(() => all.take('ipv4', 0, pool)).toThrow(/pool 100\.90\.0\.0\/31 is in use.*ipPool/);
    expect(take4(all)).toEqual(['100.64.0.1']);
    expect(all.take('ipv6', 0, pool)).toBe('fd7a:115c:a1e0::1');
  });

  test('a pool inside the prefix and the prefix never give the same address', () => {
    const all = small('100.64.0.0/29');
    const pool = ['100.64.0.2/31'];
    const taken = [all.take('ipv4', 0, pool), ...take4(all, 5)];
    expect(new Set(taken).size).toBe(6);
    expect(() => all.take('ipv4', 0, pool)).toThrow(/pool/);
  });

  test('machines keep the addresses of a pool that are given to others', () => {
    const all = book();
    all.use('100.90.0.0');
    expect(all.take('ipv4', 0, ['100.90.0.0/31'])).toBe('100.90.0.1');
  });
});

describe('quarantine', () => {
  test('a freed address comes back when its time is over', () => {
    const all = small('100.64.0.0/30');
    all.use('100.64.0.1');
    all.free('100.64.0.1');
    all.rest('100.64.0.1', 1_000);
    expect(all.take('ipv4', 500)).toBe('100.64.0.2');
    expect(all.take('ipv4', 1_000)).toBe('100.64.0.1');
  });

  test('when nothing else is left the one that rested longest is given', () => {
    const all = small('100.64.0.0/29');
    take4(all, 6);
    for (const [text, until] of [
      ['100.64.0.3', 5_000],
      ['100.64.0.1', 6_000],
    ] as const) {
      all.free(text);
      all.rest(text, until);
    }
    expect(take4(all, 2)).toEqual(['100.64.0.3', '100.64.0.1']);
    expect(() => all.take('ipv4', 0)).toThrow(/in use/);
  });

  test('an address in use does not rest', () => {
    const all = small('100.64.0.0/30');
    all.use('100.64.0.1');
    all.rest('100.64.0.1', 1_000);
    expect(all.take('ipv4', 2_000)).toBe('100.64.0.2');
    expect(() => all.take('ipv4', 2_000)).toThrow(/in use/);
  });
});

describe('an address that an administrator chooses', () => {
  test.each([
    ['10.0.0.1', /outside the network's own 100\.64\.0\.0\/10/],
    ['100.64.0.0', /reserved/],
    ['100.127.255.255', /reserved/],
    ['100.100.100.100', /reserved/],
    ['100.115.92.7', /reserved/],
    ['100.64.0.5', /belongs to another machine/],
    ['fd7a:115c:a1e0::1', /not an IPv4 address/],
    ['100.64.0', /not an IPv4 address/],
  ])('%s is refused', (text, why) => {
    const all = book();
    all.use('100.64.0.5');
    expect(() => all.check('ipv4', text)).toThrow(why);
  });

  test('a free one is fine, also one that rests, and IPv6 in any writing', () => {
    const all = book();
    all.rest('100.64.0.6', 1_000);
    expect(all.check('ipv4', '100.64.0.6')).toBe('100.64.0.6');
    expect(all.check('ipv6', 'FD7A:115C:A1E0:0::0007')).toBe('fd7a:115c:a1e0::7');
    expect(() => all.check('ipv6', 'fd7a:115c:a1e0::53')).toThrow(/reserved/);
  });
});

test('a prefix that is nine tenths full is named', () => {
  const all = small('100.64.0.0/28', '100.80.0.0/24');
  expect(all.usage()).toEqual([
    { prefix: '100.64.0.0/28', used: 0, size: 14 },
    { prefix: '100.80.0.0/24', used: 0, size: 254 },
    { prefix: 'fd7a:115c:a1e0::/48', used: 0, size: 4_294_967_294 },
  ]);
  for (let at = 1; at <= 12; at++) all.use(`100.64.0.${at}`);
  expect(almostFull(all.usage())).toEqual([]);
  all.use('100.64.0.13');
  expect(almostFull(all.usage()).map(({ prefix }) => prefix)).toEqual(['100.64.0.0/28']);
  all.free('100.64.0.13');
  expect(almostFull(all.usage())).toEqual([]);
});

const freeing = fc.record({ at: fc.nat(20), restsMs: fc.nat(50) });
const steps = fc.array(fc.oneof(fc.constantFrom('prefix', 'pool'), freeing), { maxLength: 60 });

/** What machines hold after the steps. */
function run(all: AddressBook, list: readonly ('prefix' | 'pool' | { at: number; restsMs: number })[]) {
  const held: string[] = [];
  for (const [nowMs, step] of list.entries()) {
    if (typeof step === 'object') {
      const text = held.splice(step.at, 1)[0] ?? '';
      all.free(text);
      if (step.restsMs > 0) all.rest(text, nowMs + step.restsMs);
    } else if (held.length < 8) {
      const got = all.take('ipv4', nowMs, step === 'pool' ? ['100.64.0.8/29'] : undefined);
      expect(held).not.toContain(got);
      all.use(got);
      held.push(got);
    }
  }
  return held;
}

test.each(['sequential', 'random'] as const)(
  'whatever is taken, freed and rested, no two machines have one address (%s)',
  (strategy) => {
    fc.assert(
      fc.property(steps, (list) => {
        const all = book({ v4: prefixes('100.64.0.0/28', '100.64.1.0/30'), strategy });
        const held = run(all, list);
        const inFirst = held.filter((text) => text.startsWith('100.64.0.'));
        expect(all.usage()[0]?.used).toBe(inFirst.length);
      }),
    );
  },
);
