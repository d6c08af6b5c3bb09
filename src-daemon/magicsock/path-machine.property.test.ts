/** No sequence of events breaks what must hold of a path machine. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { isUsable, keyOf } from './candidate.ts';
import { initialPath, step, wakeAt } from './path-machine.ts';
import { MAX_CANDIDATES, MAX_PINGS, type PathEffect, type PathEvent, type PathState } from './path-types.ts';
import type { EnginePath } from './types.ts';

const at = (ip: string, port = 41_641): SockAddr => ({ ip, port });
const someAddr = fc.constantFrom(
  at('10.0.0.2'),
  at('203.0.113.2'),
  at('203.0.113.9', 1),
  at('2001:db8::2'),
  at('100.64.0.9'),
  at('0.0.0.0', 0),
);
const someVia = fc.constantFrom(0, 0, 0, 7);
const someTime = fc.nat(200_000);
const list = fc.array(someAddr, { maxLength: 4 });
const words = fc.record({
  peer: fc.constant(1),
  lastTxAny: someTime,
  lastRxAny: someTime,
  rxBestAt: someTime,
  unansweredSince: someTime,
});
const txId = fc.nat(80).map((n) => `tx${n}`);
const only = <T extends string>(type: T) => fc.constant({ type });
const someEvent: fc.Arbitrary<PathEvent> = fc.oneof(
  fc.record({ type: fc.constant('configure' as const), endpoints: list }),
  fc.record({ type: fc.constant('called' as const), endpoints: list }),
  only('send' as const),
  only('restarted' as const),
  fc.record({
    type: fc.constant('ping-in' as const),
    from: someAddr,
    via: someVia,
    txId: fc.constantFrom('x', 'y', 'z'),
    isSender: fc.boolean(),
  }),
  fc.record({ type: fc.constant('relayed-ping' as const), region: fc.constant(1), txId }),
  fc.record({ type: fc.constant('data-in' as const), from: someAddr, via: someVia }),
  fc.record({ type: fc.constant('pong-in' as const), txId, seenAs: fc.constant(undefined) }),
  fc.record({ type: fc.constant('pong-in' as const), txId, seenAs: fc.constant(undefined) }),
  fc.record({ type: fc.constant('tick' as const), words }),
  only('network-changed' as const),
  only('relay-changed' as const),
  only('relay-gone' as const),
  only('unreachable' as const),
  fc.record({ type: fc.constant('socket-closed' as const), via: fc.constant(7) }),
  fc.record({
    type: fc.constant('guess' as const),
    routes: fc.array(fc.record({ addr: someAddr, via: someVia }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant('request' as const), ticket: fc.nat(9), size: fc.nat(2_000) }),
);

/** Follows what the machine says and does, as an engine and an onlooker would. */
class Onlooker {
  state: PathState = initialPath();
  nowMs = 1_000;
  relay: number | undefined;
  path: EnginePath = { mode: 'none' };
  /** Where our pings went, by transaction; and which of them were answered. */
  readonly pinged = new Map<string, string>();
  readonly proven = new Set<string>();
  pings = 0;
  #txIds = 0;

  feed(event: PathEvent): void {
    const before = this.state.pings;
    const [state, effects] = step(this.state, event, {
      nowMs: this.nowMs,
      newTxId: () => `tx${this.#txIds++}`,
      relay: () => this.relay,
      mayPing: isUsable,
      probeSizes: () => [],
    });
    this.state = state;
    if (event.type === 'pong-in' && before.has(event.txId))
      this.proven.add(this.pinged.get(event.txId) ?? '');
    for (const effect of effects) this.#see(effect);
    this.holds();
  }

  #see(effect: PathEffect): void {
    if (effect.do === 'path') this.path = effect.path;
    if (effect.do === 'ping') {
      this.pings++;
      if (effect.to.kind === 'udp') this.pinged.set(effect.txId, keyOf(effect.to.addr, effect.to.via));
    }
    if (effect.do === 'pong' && effect.to.kind === 'udp') expect(isUsable(effect.to.addr)).toBe(true);
  }

  holds(): void {
    const { best, candidates, pings } = this.state;
    const { mode, direct, via } = this.path;
    // What the engine was told is what the state says, and it was told as soon as it was so.
    expect(this.path).toEqual(this.state.told);
    // A relay that is there is never left unused for nothing.
    if (this.relay !== undefined) expect(mode).not.toBe('none');
    if (mode.includes('relay')) expect(this.path.relayRegion).toBe(this.relay);
    // Packets go to an address only after it answered a ping of ours.
    if (direct !== undefined) expect(this.proven.has(keyOf(direct, via))).toBe(true);
    if (best.kind === 'direct') expect(candidates.has(keyOf(best.addr, best.via))).toBe(true);
    expect(candidates.size).toBeLessThanOrEqual(MAX_CANDIDATES);
    expect(pings.size).toBeLessThanOrEqual(MAX_PINGS);
  }
}

test('no sequence of events throws or breaks what must hold, and left alone it falls silent', () => {
  const pause = fc.constantFrom(0, 1, 250, 500, 3_000, 7_000, 50_000);
  const relay = fc.constantFrom(undefined, 1, 1, 2);
  fc.assert(
    fc.property(fc.array(fc.tuple(someEvent, pause, relay), { maxLength: 80 }), (events) => {
      const seen = new Onlooker();
      for (const [event, afterMs, region] of events) {
        seen.nowMs += afterMs;
        seen.relay = region;
        seen.feed(event);
      }
      const silent = { peer: 1, lastTxAny: 0, lastRxAny: 0, rxBestAt: 0, unansweredSince: 0 };
      for (let i = 0; i < 1_000; i++) {
        const wake = wakeAt(seen.state, seen.nowMs);
        if (wake === undefined) break;
        seen.nowMs = Math.max(seen.nowMs, wake);
        seen.feed({ type: 'tick', words: silent });
      }
      expect(wakeAt(seen.state, seen.nowMs)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a busy session whose peer never answers pings each address 18 times in its first minute and 12 in each after', () => {
  const seen = new Onlooker();
  seen.relay = 1;
  seen.feed({ type: 'configure', endpoints: [at('10.0.0.2'), at('203.0.113.2')] });
  seen.feed({ type: 'send' });
  const perMinute: number[] = [];
  let before = 0;
  const start = seen.nowMs;
  for (let minute = 1; minute <= 3; minute++) {
    for (let i = 0; i < 1_000; i++) {
      const wake = wakeAt(seen.state, seen.nowMs) ?? Number.POSITIVE_INFINITY;
      if (wake > start + minute * 60_000) break;
      seen.nowMs = Math.max(seen.nowMs, wake);
      const words = { peer: 1, lastTxAny: seen.nowMs, lastRxAny: 0, rxBestAt: 0, unansweredSince: 1_000 };
      seen.feed({ type: 'tick', words });
    }
    perMinute.push(seen.pings - before);
    before = seen.pings;
  }
  expect(Math.max(...perMinute)).toBeLessThanOrEqual(2 * 18);
  expect(perMinute[2]).toBeLessThanOrEqual(2 * 13);
});
