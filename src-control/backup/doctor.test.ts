/** What the doctor finds, and that it finds nothing in states that are merely unusual. */
import { expect, test } from 'vitest';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { diagnose, type Finding } from './doctor.ts';

async function findings(
  nodes: readonly NodeRecord[],
  settings: Readonly<Record<string, string>> = {},
): Promise<readonly Finding[]> {
  await using store = await openMemoryStore(0);
  await store.commit([
    { put: 'user', value: sampleUser },
    ...nodes.map((value) => ({ put: 'node', value }) as const),
    ...Object.entries(settings).map(([key, value]) => ({ put: 'setting', key, value }) as const),
  ]);
  return diagnose({
    snapshot: await store.load(),
    ranges: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
    baseDomain: 'rhumb.internal',
    knownTags: undefined,
  });
}

test('nothing is wrong with one of several sites, with exit nodes, nor with whoever logged out', async () => {
  const routes = ['0.0.0.0/0', '10.0.0.0/8', '::/0', 'fd7a:115c:a1e0:b1a:0:7:a00:0/104'];
  const site = sampleNode(1, { approvedRoutes: routes });
  // It logged out, and its key will not end when it signs in again.
  const out = sampleNode(2, { keyExpiryDisabled: true, expiry: 5 });
  expect(await findings([site, out])).toEqual([]);
});

test('routes over machines’ addresses and counters behind their tables are errors', async () => {
  const bad = sampleNode(3, { approvedRoutes: ['100.64.0.0/16', 'fd7a:115c:a1e0:b1a::/64', '10.0.0.1/8'] });
  const found = await findings([bad], { 'next-node-id': '3' });
  expect(found.map(({ level, subject }) => [level, subject])).toEqual([
    ['error', 'node 3 (host-3)'],
    ['error', 'node 3 (host-3)'],
    ['error', 'node 3 (host-3)'],
    ['error', 'node'],
  ]);
});
