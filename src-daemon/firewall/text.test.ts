/** What the firewall says in both languages, and that both say the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasJumps, iptablesGone, iptablesText, killSwitchTables, readJumps } from './iptables-text.ts';
import { killSwitchText } from './kill-switch-text.ts';
import { nftTables } from './nft-text.ts';
import { acceptsForOthers, firewallPlan } from './rules.ts';
import type { FirewallConfig } from './types.ts';

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
const facts = { tunName: 'rhumb0', addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'] };
const chain = (text: readonly string[], table: string, name: string): string[] =>
  text.flatMap((line) => {
    const start = `add rule ${table} ${name} `;
    return line.startsWith(start) ? [line.slice(start.length)] : [];
  });

describe('by nft', () => {
  test('packets for this machine: our own, the tunnel, WireGuard, and no forged peers', () => {
    const text = nftTables(firewallPlan(config, facts), true);
    expect(chain(text, 'ip rhumb', 'rhumb-input')).toEqual([
      'iifname "lo" ip saddr 100.64.0.1/32 counter accept',
      'iifname "rhumb0" counter accept',
      'udp dport 41641 counter accept',
      'iifname != "rhumb0" ip saddr 100.115.92.0/23 counter return',
      'iifname != "rhumb0" ip saddr 100.64.0.0/10 counter drop',
    ]);
    expect(chain(text, 'ip6 rhumb', 'rhumb-input')).toEqual([
      'iifname "lo" ip6 saddr fd7a:115c:a1e0::1/128 counter accept',
      'iifname "rhumb0" counter accept',
      'udp dport 41641 counter accept',
      'iifname != "rhumb0" ip6 saddr fd7a:115c:a1e0::/48 counter drop',
    ]);
  });

  test('packets passed on: marked out of the tunnel, answers only when asked for', () => {
    const stateful = nftTables(firewallPlan({ ...config, stateful: true }, facts), true);
    expect(chain(stateful, 'ip rhumb', 'rhumb-forward')).toEqual([
      'iifname "rhumb0" meta mark set meta mark & 0xff00ffff | 0x40000',
      'meta mark & 0xff0000 == 0x40000 counter accept',
      'oifname "rhumb0" ip saddr 100.64.0.0/10 counter drop',
      'oifname "rhumb0" ct state & (established | related) == 0 counter drop',
      'oifname "rhumb0" counter accept',
    ]);
  });

  test.each([
    { what: 'with translation', snat: true, rules: ['meta mark & 0xff0000 == 0x40000 counter masquerade'] },
    { what: 'without', snat: false, rules: [] },
  ])('packets that leave: $what', ({ snat, rules }) => {
    const text = nftTables(firewallPlan({ ...config, snat }, facts), true);
    for (const table of ['ip rhumb', 'ip6 rhumb'])
      expect(chain(text, table, 'rhumb-postrouting')).toEqual(rules);
  });

  test('answers to marked sockets are marked before their way back is judged', () => {
    const text = nftTables(firewallPlan(config, facts), true);
    expect(chain(text, 'ip rhumb', 'rhumb-prerouting')).toEqual([
      'ct state established,related ct mark & 0xff0000 == 0x80000 meta mark set meta mark & 0xff00ffff | 0x80000',
      'iifname != "rhumb0" udp dport 41641 fib daddr type local meta mark set meta mark & 0xff00ffff | 0x80000',
    ]);
    expect(chain(text, 'ip rhumb', 'rhumb-output')).toEqual([
      'ct state new meta mark & 0xff0000 == 0x80000 ct mark set ct mark & 0xff00ffff | 0x80000',
    ]);
  });

  test('without diversion the chains are there and nothing jumps to them', () => {
    const text = nftTables(firewallPlan(config, facts), false).join('\n');
    expect(text).not.toContain(' jump ');
    expect(text).toContain('delete chain ip rhumb input');
    expect(text).toContain('add rule ip rhumb rhumb-input');
  });

  test('a server may let addresses of the range in from elsewhere', () => {
    const text = nftTables(firewallPlan({ ...config, dropsCgnat: false }, facts), true);
    expect(chain(text, 'ip rhumb', 'rhumb-input').at(-1)).toBe(
      'iifname != "rhumb0" ip saddr 100.64.0.0/10 counter return',
    );
  });
});

describe('the kill switch', () => {
  const chainOf = (hook: string, lan: readonly string[], forwards = false): string[] =>
    chain(killSwitchText({ tunName: 'rhumb0', lan, forwards }), 'inet rhumb-killswitch', hook);

  test('replaces the one before in the same transaction, and drops what it does not know', () => {
    const text = killSwitchText({ tunName: 'rhumb0', lan: [], forwards: false });
    expect(text.slice(0, 3)).toEqual([
      'add table inet rhumb-killswitch',
      'delete table inet rhumb-killswitch',
      'add table inet rhumb-killswitch',
    ]);
    expect(text.filter((line) => line.includes('policy drop'))).toHaveLength(3);
    expect(chainOf('output', []).at(-1)).toMatch(/^counter reject/);
    expect(chainOf('forward', []).at(-1)).toBe('counter drop');
    expect(chainOf('postrouting', []).at(-1)).toBe('counter drop');
  });

  test.each(['output', 'forward'])('names are never asked for in the LAN: %s', (hook) => {
    const rules = chainOf(hook, ['192.168.1.0/24', 'fd00:1::/64']);
    const dns = rules.findIndex((rule) => rule.includes('{ 53, 853 }'));
    expect(dns).toBeGreaterThan(0);
    expect(rules.findIndex((rule) => rule.includes(' daddr 192.168.1.0/24'))).toBeGreaterThan(dns);
    expect(rules.findIndex((rule) => rule.includes(' daddr fd00:1::/64'))).toBeGreaterThan(dns);
  });

  test('without a LAN nothing but the tunnel and marked packets have a destination', () => {
    expect(chainOf('output', []).filter((rule) => / daddr (?!\{ fe80|ff02)/.test(rule))).toEqual([]);
    expect(chainOf('forward', [])).toEqual([
      'oifname "lo" accept',
      'oifname "rhumb0" accept',
      'meta l4proto { tcp, udp } th dport { 53, 853 } counter drop',
      'counter drop',
    ]);
  });

  test('packets of peers pass through only where this machine routes', () => {
    expect(chainOf('forward', [], true)).toContain('iifname "rhumb0" accept');
    expect(chainOf('forward', [], false)).not.toContain('iifname "rhumb0" accept');
  });

  test.each([4, 6] as const)('says the same to iptables: IPv%d', (family) => {
    const text = killSwitchTables(
      { tunName: 'rhumb0', lan: ['192.168.1.0/24', 'fd00:1::/64'], forwards: true },
      family,
      new Map(),
    );
    const rules = text.split('\n').filter((line) => line.startsWith('-A rhumb-kill-out'));
    expect(rules.at(-1)).toMatch(/-j REJECT/);
    expect(rules.findIndex((rule) => rule.includes('--dport 853'))).toBeLessThan(
      rules.findIndex((rule) => rule.includes(family === 4 ? '192.168.1.0/24' : 'fd00:1::/64')),
    );
    expect(text).toContain('-I OUTPUT 1 -j rhumb-kill-out');
  });
});

describe('by iptables', () => {
  const plan = firewallPlan({ ...config, stateful: true }, facts);

  test('each table is one transaction that ends with a jump at the head', () => {
    const text = iptablesText(plan, 4, true, new Map());
    expect(text.match(/^COMMIT$/gm)).toHaveLength(3);
    for (const jump of ['INPUT', 'FORWARD', 'POSTROUTING', 'PREROUTING', 'OUTPUT'])
      expect(text).toMatch(new RegExp(`^-I ${jump} 1 -j rhumb-`, 'm'));
    expect(text).toContain('-A rhumb-forward -o rhumb0 -m conntrack ! --ctstate ESTABLISHED,RELATED -j DROP');
    expect(text).not.toMatch(/undefined|fd7a/);
  });

  test('what is there is found again, put back where it is doubled or missing, and taken away', () => {
    const saved = `*filter\n:INPUT ACCEPT [0:0]\n:rhumb-input - [0:0]\n-A INPUT -j rhumb-input\n-A INPUT -j rhumb-input\n-A INPUT -j other\nCOMMIT\n`;
    const now = readJumps(saved);
    expect(hasJumps({ input: plan.input }, true, now)).toBe(false);
    const again = iptablesText({ input: plan.input }, 4, true, now);
    expect(again.match(/^-D INPUT -j rhumb-input$/gm)).toHaveLength(2);
    expect(iptablesGone(now)).toBe(
      '*filter\n-D INPUT -j rhumb-input\n-D INPUT -j rhumb-input\n-F rhumb-input\n-X rhumb-input\nCOMMIT\n',
    );
    expect(iptablesGone(readJumps('*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n'))).toBe('');
    const one = readJumps(saved.replace('-A INPUT -j rhumb-input\n', ''));
    expect(hasJumps({ input: plan.input }, true, one)).toBe(true);
    expect(hasJumps({ input: plan.input }, false, one)).toBe(false);
  });
});

test('both languages have as many rules in each place, whatever is asked for', () => {
  const configs = fc.record({
    snat: fc.boolean(),
    stateful: fc.boolean(),
    dropsCgnat: fc.boolean(),
    udpPort: fc.constantFrom(0, 41_641),
  });
  fc.assert(
    fc.property(configs, (some) => {
      const plan = firewallPlan({ ...config, ...some }, facts);
      const nft = nftTables(plan, true);
      for (const family of [4, 6] as const) {
        const iptables = iptablesText(plan, family, true, new Map());
        for (const place of ['input', 'forward', 'postrouting', 'prerouting', 'output'] as const) {
          const table = family === 4 ? 'ip rhumb' : 'ip6 rhumb';
          const count = (iptables.match(new RegExp(`^-A rhumb-${place} `, 'gm')) ?? []).length;
          expect(chain(nft, table, `rhumb-${place}`)).toHaveLength(count);
        }
      }
    }),
  );
});

test('other chains are told to accept exactly what ours let through', () => {
  expect(acceptsForOthers(config, facts)).toEqual({
    input: [
      { when: [{ on: 'in', name: 'rhumb0' }], act: { do: 'accept' } },
      { when: [{ on: 'udp-to', port: 41_641 }], act: { do: 'accept' } },
    ],
    forward: [
      { when: [{ on: 'in', name: 'rhumb0' }], act: { do: 'accept' } },
      { when: [{ on: 'out', name: 'rhumb0' }], act: { do: 'accept' } },
    ],
  });
});
