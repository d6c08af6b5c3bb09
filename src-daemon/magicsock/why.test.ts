/** Why a peer is relayed, from facts to words. */
import { expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { keyOf, newCandidate } from './candidate.ts';
import { initialPath } from './path-machine.ts';
import type { PathState } from './path-types.ts';
import { looksHard, reasonOf } from './reason.ts';
import type { NatView } from './types.ts';
import { inWords, type RelayReason } from './why.ts';

const at = (ip: string, port: number): SockAddr => ({ ip, port });
const EASY: NatView = { varies: false, ports: [], portMapped: false, udp: true };
const HARD: NatView = { ...EASY, varies: true };
const ONE = [at('203.0.113.1', 1)];
const TWO = [at('203.0.113.1', 1), at('203.0.113.1', 2)];

const searching = (addrs: readonly SockAddr[], more: Partial<PathState> = {}): PathState => ({
  ...initialPath(),
  candidates: new Map(addrs.map((addr) => [keyOf(addr), newCandidate(addr)])),
  search: { kind: 'on', sinceMs: 0, probes: 12 },
  ...more,
});

const CASES: readonly [string, PathState, NatView, boolean, RelayReason][] = [
  ['no disco key', searching(ONE), EASY, false, { kind: 'no-disco' }],
  ['nothing sent', initialPath(), EASY, true, { kind: 'idle' }],
  [
    'just begun',
    searching(ONE, { search: { kind: 'on', sinceMs: 8_000, probes: 1 } }),
    EASY,
    true,
    { kind: 'searching' },
  ],
  ['just lost', searching(ONE, { lostAtMs: 5_000 }), EASY, true, { kind: 'lost', sinceMs: 5_000 }],
  ['no UDP', searching(ONE), { ...EASY, udp: false }, true, { kind: 'no-udp-here' }],
  ['no addresses', searching([]), EASY, true, { kind: 'no-endpoints' }],
  ['two hard NATs', searching(TWO), HARD, true, { kind: 'both-hard' }],
  ['a hard NAT here', searching(ONE), HARD, true, { kind: 'hard-here' }],
  [
    'a hard NAT here with a forwarded port',
    searching(ONE),
    { ...HARD, portMapped: true },
    true,
    { kind: 'no-answer', probes: 12, addresses: 1 },
  ],
  ['a hard NAT there', searching(TWO), EASY, true, { kind: 'hard-there' }],
  ['silence', searching(ONE), EASY, true, { kind: 'no-answer', probes: 12, addresses: 1 }],
  [
    'data blocked',
    searching(ONE, { data: { kind: 'suspect', sinceMs: 0, pauseMs: 1 } }),
    EASY,
    true,
    { kind: 'control-only' },
  ],
];

test.each(CASES)('%s', (_name, state, nat, hasDisco, wanted) => {
  const reason = reasonOf(state, { nowMs: 10_000, nat, hasDisco });
  expect(reason).toEqual(wanted);
  // A clause to follow a colon.
  expect(inWords(reason)).toMatch(/^[a-z].*[a-zA-Z]$/);
});

test('counts are written out with their nouns', () => {
  expect(inWords({ kind: 'no-answer', probes: 1, addresses: 1 })).toBe('no answer to 1 probe to 1 address');
  expect(inWords({ kind: 'no-answer', probes: 12, addresses: 3 })).toBe(
    'no answer to 12 probes to 3 addresses',
  );
});

test('several ports of one public address show a hard NAT; private ones and other machines do not', () => {
  expect(looksHard(TWO)).toBe(true);
  expect(looksHard([at('203.0.113.1', 1), at('203.0.113.2', 2)])).toBe(false);
  expect(looksHard([at('10.0.0.1', 1), at('10.0.0.1', 2)])).toBe(false);
  expect(looksHard([at('2001:db8::1', 1), at('2001:db8::1', 2)])).toBe(false);
});
