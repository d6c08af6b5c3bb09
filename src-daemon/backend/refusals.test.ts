/** Who is told of a refused connection, and what is kept of those of others. */
import { expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { silent } from '#shared/log/log.ts';
import { ipPacket } from '../testing/packets.ts';
import { decodeInner } from './inner-packets.ts';
import { Refusals } from './refusals.ts';

const PEER_KEY = nodeKeyFrom(new Uint8Array(32).fill(7));

function tcp(flags: number, v6 = false): Uint8Array {
  const payload = new Uint8Array(20);
  payload.set([0x9c, 0x40, 0, 22]);
  payload[13] = flags;
  const [from, to] = v6 ? ['fd7a::2', 'fd7a::1'] : ['100.64.0.2', '100.64.0.1'];
  return ipPacket({ from, to, protocol: 6, payload });
}

function refusals(log: Log = silent): {
  readonly told: Uint8Array[];
  readonly refusals: Refusals;
  clock: { ms: number };
} {
  const told: Uint8Array[] = [];
  const clock = { ms: 1_000_000 };
  return {
    told,
    clock,
    refusals: new Refusals({ log, nowMs: () => clock.ms, tell: (_peer, packet) => told.push(packet) }),
  };
}

test('the beginning of a TCP connection is answered with whom it was for and why it was refused', () => {
  const { told, refusals: all } = refusals();
  all.filtered({ type: 'filtered', peer: 1, why: 'filtered', data: tcp(2) });
  all.shieldsUp = true;
  all.filtered({ type: 'filtered', peer: 1, why: 'filtered', data: tcp(2) });
  expect(told.map((packet) => decodeInner(packet))).toEqual(
    ['acl', 'shields'].map((reason) => ({
      kind: 'refused',
      protocol: 6,
      from: '100.64.0.2:40000',
      to: '100.64.0.1:22',
      reason,
    })),
  );
  expect(all.counters()['refusals.told']).toBe(2);
});

test('nothing else is answered: no answer, no other protocol, no IPv6, nothing cut short', () => {
  const { told, refusals: all } = refusals();
  const packets = [
    tcp(16),
    tcp(2, true),
    tcp(2).subarray(0, 30),
    ipPacket({ from: '100.64.0.2', to: '100.64.0.1' }),
  ];
  for (const data of packets) all.filtered({ type: 'filtered', peer: 1, why: 'filtered', data });
  all.filtered({ type: 'filtered', peer: 1, why: 'unreadable', data: tcp(2) });
  expect(told).toEqual([]);
});

test('what peers refuse is kept, but only the newest', () => {
  const { refusals: all } = refusals();
  const refused = { kind: 'refused', protocol: 6, from: '100.64.0.1:1', reason: 'acl' } as const;
  for (let i = 0; i < 100; i++) all.heard(PEER_KEY, { ...refused, to: `100.64.0.2:${i}` });
  expect(all.recent).toHaveLength(64);
  expect(all.recent.at(-1)).toMatchObject({ peer: PEER_KEY, to: '100.64.0.2:99', reason: 'acl' });
  expect(all.counters()['refusals.heard']).toBe(100);
});

test('of a flood few lines are logged, and more when it is over', () => {
  let lines = 0;
  const log: Log = Object.assign(() => void lines++, { child: () => log, isOn: () => true });
  const { refusals: all, clock } = refusals(log);
  const drop = (): void => all.filtered({ type: 'filtered', peer: 1, why: 'filtered', data: tcp(16) });
  for (let i = 0; i < 50; i++) drop();
  expect(lines).toBe(10);
  clock.ms += 10_000;
  for (let i = 0; i < 50; i++) drop();
  expect(lines).toBe(12);
});
