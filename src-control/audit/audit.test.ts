/** The audit log as a chain: what verifying finds, what the outside sees, when entries go. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { RawAuditRow } from '../store/records.ts';
import { sampleEntry } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import type { AuditChain, Store } from '../store/store.ts';
import { auditEvent } from './event.ts';
import { watchRetention } from './retention.ts';
import { verifyChain } from './verify.ts';

async function filled(entries: number): Promise<Store> {
  const store = await openMemoryStore(0);
  await store.commit(Array.from({ length: entries }, (_, n) => ({ audit: sampleEntry(n + 1) })));
  return store;
}

/** The chain with some of its rows changed on the way. */
const forged = (chain: AuditChain, change: (row: RawAuditRow) => RawAuditRow | undefined): AuditChain => ({
  ...chain,
  rows: async (after, limit) =>
    (await chain.rows(after, limit)).flatMap((row) => {
      const changed = change(row);
      return changed === undefined ? [] : [changed];
    }),
});

test('a log that nobody touched is whole, over many pages', async () => {
  const { audit } = await filled(2_345);
  const verdict = await verifyChain(audit);
  expect(verdict).toMatchObject({ rows: 2_345, head: { seq: 2_345 }, forgottenUpTo: 0, problem: undefined });
  expect(await verifyChain((await filled(0)).audit)).toMatchObject({ rows: 0, problem: undefined });
});

test.each([
  [
    'changed',
    (row: RawAuditRow) => (row.seq === 3 ? { ...row, entry: `${row.entry} ` } : row),
    /row 3 is not/,
  ],
  ['taken out', (row: RawAuditRow) => (row.seq === 3 ? undefined : row), /row 3 is missing/],
  [
    'rehashed',
    (row: RawAuditRow) => (row.seq === 3 ? { ...row, hash: '0'.repeat(64) } : row),
    /row 3 is not/,
  ],
])('a row that was %s is found', async (_what, change, problem) => {
  const { audit } = await filled(5);
  expect((await verifyChain(forged(audit, change))).problem).toMatch(problem);
});

test('a log that was cut off is found by whoever noted its end', async () => {
  const { audit } = await filled(5);
  const { head } = await verifyChain(audit);
  const cut = forged(audit, (row) => (row.seq > 3 ? undefined : row));
  expect((await verifyChain(cut)).problem).toBeUndefined();
  expect((await verifyChain(cut, head)).problem).toMatch(/row 5, which was noted, is missing/);
  expect((await verifyChain(audit, { seq: 4, hash: head.hash })).problem).toMatch(
    /not the one that was noted/,
  );
  expect((await verifyChain(audit, head)).problem).toBeUndefined();
});

test('a log of which old entries go while it is looked through is whole', async () => {
  const { audit } = await filled(2_500);
  for (const turn of [1, 2]) {
    let turns = 0;
    const pruned: AuditChain = {
      ...audit,
      rows: async (after, limit) => {
        if (++turns === turn) await audit.prune(1_200 * turn, 1_200);
        return audit.rows(after, limit);
      },
    };
    const verdict = await verifyChain(pruned);
    expect(verdict).toMatchObject({ head: { seq: 2_500 }, problem: undefined });
  }
});

test('entries go when they are too old, and the rest is still whole', async () => {
  const clock = new FakeClock({ wallMs: 10_000_000 });
  const store = await openMemoryStore(0);
  for (const at of [1, 2, 9_999_999]) await store.commit([{ audit: sampleEntry(at) }]);
  const stop = watchRetention(store.audit, clock, silent, () => 1_000_000);
  await clock.advance(61_000);
  stop();
  expect(clock.pending).toBe(0);
  expect(await verifyChain(store.audit)).toMatchObject({ rows: 1, forgottenUpTo: 2, problem: undefined });
});

test('0 keeps everything', async () => {
  const clock = new FakeClock();
  const { audit } = await filled(3);
  const stop = watchRetention(audit, clock, silent, () => 0);
  await clock.advance(7_200_000);
  stop();
  expect((await verifyChain(audit)).rows).toBe(3);
});

test('programs that collect logs find the names they know', () => {
  const entry = sampleEntry(0, {
    actor: { origin: 'api', id: 'kabc', name: 'ci', remoteAddress: '192.0.2.1' },
    target: { type: 'authKey', id: '5', name: 'k', property: 'allowed-ips' },
    old: 'a',
    new: 'b',
  });
  expect(auditEvent({ seq: 1, entry, hash: 'f'.repeat(64) })).toMatchObject({
    eventTime: '1970-01-01T00:00:00.000Z',
    type: 'CONFIG',
    origin: 'CONFIG_API',
    actor: { id: 'kabc', type: 'API_KEY', loginName: 'ci' },
    target: { id: '5', type: 'AUTH_KEY', property: 'ALLOWED_IPS' },
    action: 'CREATE',
    old: 'a',
    new: 'b',
    remoteAddr: '192.0.2.1',
  });
});
