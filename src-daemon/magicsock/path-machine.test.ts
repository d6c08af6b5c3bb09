/** Tests of the path machine: its edges one by one. */
import { describe, expect, test } from 'vitest';
import { formatSockAddr, parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { isUsable, keyOf } from './candidate.ts';
import { isTrusted } from './path-draft.ts';
import { initialPath, step, wakeAt } from './path-machine.ts';
import {
  MAX_CANDIDATES,
  type PathEffect,
  type PathEvent,
  type PathState,
  type Target,
} from './path-types.ts';
import type { Activity } from './types.ts';

const addr = (text: string): SockAddr => {
  const parsed = parseSockAddr(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
};
const textOf = (to: Target): string => (to.kind === 'udp' ? keyOf(to.addr, to.via) : `relay ${to.region}`);
const words = (more: Partial<Activity>): Activity => ({
  peer: 1,
  lastTxAny: 0,
  lastRxAny: 0,
  rxBestAt: 0,
  unansweredSince: 0,
  ...more,
});
const LAN = addr('10.0.0.2:41641');
const WAN = addr('203.0.113.2:41641');

/** Feeds events at their times and keeps what came out last. */
class Machine {
  state: PathState = initialPath();
  nowMs = 1_000;
  effects: readonly PathEffect[] = [];
  relay: number | undefined;
  mayPing = true;
  probeSizes: readonly number[] = [];
  #txIds = 0;

  feed(event: PathEvent, afterMs = 0): this {
    this.nowMs += afterMs;
    const newTxId = (): string => `tx${this.#txIds++}`;
    [this.state, this.effects] = step(this.state, event, {
      nowMs: this.nowMs,
      newTxId,
      relay: () => this.relay,
      mayPing: () => this.mayPing,
      probeSizes: () => this.probeSizes,
    });
    return this;
  }

  /** The last ping to that address is answered. */
  pong(to: SockAddr, afterMs = 1): this {
    const sent = [...this.state.pings].findLast(([, ping]) => textOf(ping.to) === formatSockAddr(to));
    return this.feed({ type: 'pong-in', txId: sent?.[0] ?? 'none', seenAs: undefined }, afterMs);
  }

  ping(from: SockAddr, txId: string, afterMs = 0): this {
    return this.feed({ type: 'ping-in', from, via: 0, txId, isSender: true }, afterMs);
  }

  /** Lets time pass, ticking whenever the machine asks for it. */
  pass(ms: number, lastTxAny = 0, more: Partial<Activity> = {}): this {
    const end = this.nowMs + ms;
    const seen: PathEffect[] = [];
    for (let i = 0; i < 1_000; i++) {
      const wake = wakeAt(this.state, this.nowMs);
      if (wake === undefined || wake > end) break;
      this.feed({ type: 'tick', words: words({ lastTxAny, ...more }) }, Math.max(0, wake - this.nowMs));
      seen.push(...this.effects);
    }
    this.nowMs = end;
    this.effects = seen;
    return this;
  }

  get pinged(): string[] {
    return this.effects.flatMap((effect) =>
      effect.do === 'ping' && effect.to.kind === 'udp' ? [effect.to.addr.ip] : [],
    );
  }
  get path(): string | undefined {
    return this.state.best.kind === 'none' ? undefined : this.state.best.addr.ip;
  }
  get trusted(): boolean {
    return isTrusted(this.state.best, this.nowMs);
  }
}

const looking = (...endpoints: readonly SockAddr[]): Machine =>
  new Machine().feed({ type: 'configure', endpoints }).feed({ type: 'send' });

describe('discovery', () => {
  test('knowing addresses sends nothing; traffic does', () => {
    const machine = new Machine().feed({ type: 'configure', endpoints: [LAN, WAN] });
    expect(machine.effects).toEqual([]);
    expect(wakeAt(machine.state, machine.nowMs)).toBeUndefined();
    expect(machine.feed({ type: 'send' }).pinged).toEqual([LAN.ip, WAN.ip]);
  });

  test('more traffic does not ping more', () => {
    expect(looking(LAN).feed({ type: 'send' }, 100).pinged).toEqual([]);
  });

  test('an unanswered search pings after 300 ms, a second later, then each 5 s', () => {
    const machine = looking(LAN);
    expect(machine.pass(299).pinged).toEqual([]);
    expect(machine.pass(1).pinged).toEqual([LAN.ip]);
    expect(machine.pass(1_000).pinged).toEqual([LAN.ip]);
    expect(machine.pass(4_999).pinged).toEqual([]);
    expect(machine.pass(1).pinged).toEqual([LAN.ip]);
  });

  test('the session ends 45 s after the last packet and leaves no deadline', () => {
    const machine = looking(LAN).pass(44_000);
    expect(machine.state.session.kind).toBe('active');
    machine.pass(10_000);
    expect(machine.state.session.kind).toBe('idle');
    expect(machine.state.pings.size).toBe(0);
    expect(wakeAt(machine.state, machine.nowMs)).toBeUndefined();
  });

  test('packets that the engine sent meanwhile keep the session alive', () => {
    const machine = looking(LAN).pass(50_000, 46_000);
    expect(machine.state.session.kind).toBe('active');
  });

  test('a fast direct path ends the search, a slow one is compared anew each minute', () => {
    const fast = looking(LAN, WAN).pong(LAN).pong(WAN);
    const answered = (machine: Machine, ms: number): string[] => {
      const pinged: string[] = [];
      for (let at = 0; at < ms; at += 500) {
        pinged.push(...machine.pass(500, machine.nowMs).pinged);
        for (const to of [LAN, WAN]) machine.pong(to, 10);
      }
      return pinged;
    };
    expect(new Set(answered(fast, 20_000))).toEqual(new Set([LAN.ip]));
    const slow = looking(LAN, WAN).pong(LAN, 20).pong(WAN, 20);
    expect(new Set(answered(slow, 40_000))).toEqual(new Set([LAN.ip]));
    expect(new Set(answered(slow, 40_000))).toEqual(new Set([LAN.ip, WAN.ip]));
  });
});

describe('pongs', () => {
  test('the first one makes the path', () => {
    const machine = looking(WAN).pong(WAN, 7);
    expect(machine.effects[0]).toEqual({ do: 'path', path: { mode: 'direct', direct: WAN }, isNews: true });
    expect(machine.trusted).toBe(true);
  });

  test('a better address replaces it, a worse one does not', () => {
    expect(looking(WAN, LAN).pong(WAN).pong(LAN, 0).path).toBe(LAN.ip);
    expect(looking(WAN, LAN).pong(LAN).pong(WAN, 1).path).toBe(LAN.ip);
  });

  test('an unknown transaction is ignored', () => {
    const machine = looking(LAN).feed({ type: 'pong-in', txId: 'forged', seenAs: undefined });
    expect(machine.path).toBeUndefined();
    expect(machine.effects).toEqual([]);
  });

  test('one that comes after five seconds is ignored', () => {
    const machine = looking(LAN).feed({ type: 'tick', words: words({}) }, 5_000);
    expect(machine.feed({ type: 'pong-in', txId: 'tx0', seenAs: undefined }).path).toBeUndefined();
  });

  test('one that comes late is ignored even when no tick ran before it', () => {
    expect(looking(LAN).pong(LAN, 5_001).path).toBeUndefined();
  });

  test('one for an address the map took back meanwhile is ignored', () => {
    const machine = looking(LAN).feed({ type: 'configure', endpoints: [WAN] });
    expect(machine.feed({ type: 'pong-in', txId: 'tx0', seenAs: undefined }).path).toBeUndefined();
  });

  test('trust ends 6.5 s after the last', () => {
    const machine = looking(LAN).pong(LAN);
    machine.nowMs += 6_500;
    expect(machine.trusted).toBe(true);
    machine.nowMs += 1;
    expect(machine.trusted).toBe(false);
  });
});

describe('pings', () => {
  test('are answered, and asked back at once when the address is unproven', () => {
    const machine = new Machine().ping(WAN, 'theirs');
    expect(machine.effects.map((effect) => effect.do)).toEqual(['pong', 'ping']);
    expect(machine.pinged).toEqual([WAN.ip]);
    expect(machine.pong(WAN).path).toBe(WAN.ip);
    expect(machine.ping(WAN, 'next').effects).toEqual([
      { do: 'pong', to: { kind: 'udp', addr: WAN, via: 0 }, txId: 'next' },
    ]);
  });

  test('are asked back at most twice a second', () => {
    const machine = new Machine().ping(WAN, 'a');
    expect(machine.ping(WAN, 'b', 499).pinged).toEqual([]);
    expect(machine.ping(WAN, 'c', 1).pinged).toEqual([WAN.ip]);
  });

  test('with a forged source bring that one no more bytes than were spent in its name', () => {
    const machine = looking(LAN);
    let [spent, brought] = [0, 0];
    for (let i = 0; i < 60; i++) {
      machine.ping(WAN, `forged${i}`);
      spent += 124;
      const effects = [...machine.effects, ...machine.pass(500, machine.nowMs).effects];
      for (const effect of effects)
        if ((effect.do === 'ping' || effect.do === 'pong') && textOf(effect.to) === formatSockAddr(WAN))
          brought += effect.do === 'ping' ? 124 : 110;
    }
    expect(brought).toBeGreaterThan(0);
    expect(brought).toBeLessThanOrEqual(spent + 2 * 124);
  });

  test.each([
    '100.64.0.9:1',
    '[fd7a:115c:a1e0::9]:1',
    '0.0.0.0:1',
    '224.0.0.1:1',
    '[ff02::1]:1',
    '[fe80::1]:1',
    '10.0.0.1:0',
  ])('from %s are ignored', (text) => {
    expect(isUsable(addr(text))).toBe(false);
    expect(new Machine().ping(addr(text), 'a').effects).toEqual([]);
  });

  test('an address known only from them is forgotten 45 s after the last word from it, once a search runs', () => {
    const machine = new Machine().ping(WAN, 'a').pong(WAN);
    machine.feed({ type: 'send' }, 46_000);
    expect(machine.path).toBeUndefined();
    expect(machine.effects[0]).toEqual({ do: 'path', path: { mode: 'none' }, isNews: true });
  });

  test('from a hundred addresses and more keep the latest and what the map lists', () => {
    const machine = new Machine().feed({ type: 'configure', endpoints: [LAN] });
    for (let i = 0; i < 300; i++) machine.ping({ ip: '198.51.100.1', port: 1_000 + i }, `t${i}`, 1);
    expect(machine.state.candidates.size).toBe(MAX_CANDIDATES);
    expect(machine.state.candidates.has(formatSockAddr(LAN))).toBe(true);
    expect(machine.state.candidates.has('198.51.100.1:1299')).toBe(true);
    expect(machine.state.candidates.has('198.51.100.1:1000')).toBe(false);
  });
});

describe('a best address that stops answering', () => {
  test('is asked again in 250 ms with the others, and left for one of those that answered', () => {
    const machine = looking(LAN, WAN).pong(LAN).pong(WAN, 1).pass(3_000, 3_000);
    expect(machine.pinged).toEqual([LAN.ip]);
    expect(machine.pass(250).pinged).toEqual([LAN.ip]);
    machine.pass(2_500, 6_000).pong(LAN);
    expect(machine.path).toBe(LAN.ip);
    machine.nowMs += 1_000;
    machine.ping(WAN, 'a');
    expect(machine.pinged).toEqual([WAN.ip, LAN.ip]);
    machine.pong(WAN).pass(600);
    expect(machine.path).toBe(WAN.ip);
  });

  test('stays in use when no other answers, and any pong then wins', () => {
    const machine = looking(LAN, WAN).pong(LAN).pass(20_000, 20_000);
    expect(machine.path).toBe(LAN.ip);
    expect(machine.trusted).toBe(false);
    expect(machine.pong(WAN, 900).path).toBe(WAN.ip);
  });
});

describe('the map', () => {
  test('takes an address away: the path goes with it 45 s after its last answer', () => {
    const machine = looking(LAN)
      .pong(LAN)
      .feed({ type: 'configure', endpoints: [WAN] });
    expect(machine.path).toBe(LAN.ip);
    expect(machine.pinged).toEqual([WAN.ip]);
    machine.nowMs += 7_000;
    expect(machine.feed({ type: 'configure', endpoints: [WAN] }).path).toBe(LAN.ip);
    machine.nowMs += 39_000;
    expect(machine.feed({ type: 'configure', endpoints: [WAN] }).path).toBeUndefined();
  });

  test('lists at most a hundred addresses, and only usable ones count', () => {
    const endpoints = Array.from({ length: 300 }, (_, i) => ({ ip: '198.51.100.1', port: 1 + i }));
    const machine = new Machine().feed({
      type: 'configure',
      endpoints: [addr('100.64.0.9:1'), ...endpoints],
    });
    expect(machine.state.candidates.size).toBe(MAX_CANDIDATES);
    expect([...machine.state.candidates.keys()][0]).toBe('198.51.100.1:1');
  });
});

describe('our own network changes', () => {
  test('an active session proves its path anew at once and goes on using it meanwhile', () => {
    const machine = looking(LAN).pong(LAN).feed({ type: 'network-changed' }, 100);
    expect(machine.pinged).toEqual([LAN.ip]);
    expect(machine.path).toBe(LAN.ip);
    expect(machine.trusted).toBe(false);
    expect(machine.pong(LAN).trusted).toBe(true);
  });

  test('an idle one sends nothing', () => {
    const machine = looking(LAN).pong(LAN).pass(60_000).feed({ type: 'network-changed' });
    expect(machine.effects).toEqual([]);
  });
});

describe('a ping that is held back, as there are too many', () => {
  test('goes out when it would be repeated, not five seconds later', () => {
    const machine = new Machine();
    machine.relay = 1;
    machine.mayPing = false;
    machine.feed({ type: 'configure', endpoints: [WAN] }).feed({ type: 'send' });
    expect(machine.pinged).toEqual([]);
    machine.mayPing = true;
    machine.pass(400, machine.nowMs);
    expect(machine.pinged).toEqual(['203.0.113.2']);
  });

  test('is never the one to the address that was in use when our network changed', () => {
    const machine = looking(LAN, WAN);
    machine.relay = 1;
    machine.pong(WAN);
    machine.mayPing = false;
    machine.feed({ type: 'network-changed' }, 1_000);
    expect(machine.pinged).toEqual(['203.0.113.2']);
  });
});

describe('requests', () => {
  test('ask the trusted address alone, else every candidate', () => {
    const request = { type: 'request', ticket: 3, size: 1_300 } as const;
    expect(looking(LAN, WAN).pong(LAN).feed(request).pinged).toEqual([LAN.ip]);
    expect(looking(LAN, WAN).feed(request).effects).toMatchObject([
      { do: 'ping', to: { addr: LAN }, size: 1_300 },
      { do: 'ping', to: { addr: WAN }, size: 1_300 },
    ]);
    expect(new Machine().feed(request).effects).toEqual([{ do: 'no-candidates', ticket: 3 }]);
  });

  test('are answered by each pong with the address that was pinged', () => {
    const machine = looking(LAN).feed({ type: 'request', ticket: 3, size: 0 }).pong(LAN, 4);
    expect(machine.effects).toContainEqual({
      do: 'answer',
      ticket: 3,
      from: { kind: 'udp', addr: LAN, via: 0 },
      latencyMs: 4,
    });
  });
});

test('a path that dies has the NAT asked again, although the first miss has just called', () => {
  const machine = new Machine();
  machine.relay = 1;
  machine
    .feed({ type: 'configure', endpoints: [LAN, WAN] })
    .feed({ type: 'send' })
    .pong(WAN);
  // One beat is answered. At the next the LAN address has its turn too, so the first miss is followed by a call.
  machine
    .pass(3_000, machine.nowMs)
    .pong(WAN)
    .pass(5_000, machine.nowMs + 3_000);
  const calls = machine.effects.flatMap((effect) => (effect.do === 'call' ? [effect.afresh] : []));
  expect(calls.slice(0, 2)).toEqual([false, true]);
});

test('while a lost path is sought the NAT is asked again each ten seconds: it may have forgotten us twice', () => {
  const machine = new Machine();
  machine.relay = 1;
  machine
    .feed({ type: 'configure', endpoints: [LAN, WAN] })
    .feed({ type: 'send' })
    .pong(WAN);
  const seen: number[] = [];
  for (let s = 0; s < 40; s++) {
    machine.pass(1_000, machine.nowMs);
    if (machine.effects.some((effect) => effect.do === 'call' && effect.afresh)) seen.push(s);
  }
  expect(seen.length).toBeGreaterThanOrEqual(3);
  for (const [i, s] of seen.entries()) if (i > 0) expect(s - (seen[i - 1] ?? 0)).toBeGreaterThanOrEqual(9);
});
