/** Machines are found by everything that one knows of them, and ten thousand of them within a frame. */
import { describe, expect, test } from 'vitest';
import { node as schema } from '#shared/console/shapes.ts';
import { needsAttention, passes, search, sortMachines } from './filter.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');

const machine = (id: number, change: Record<string, unknown> = {}) =>
  schema.parse({
    ...{ id, name: `machine-${id}`, hostname: `host-${id}`, fqdn: `machine-${id}.example.net` },
    ...{ machine_key: '', node_key: '', disco_key: null, user: null, tags: [], register_method: 'cli' },
    ip_addresses: [`100.64.${id >> 8}.${id & 255}`, `fd7a:115c:a1e0::${id.toString(16)}`],
    ...{ ephemeral: false, online: true, expired: false, expiry: null, last_seen: null },
    ...{ created_at: '2026-01-01T00:00:00Z', os: 'linux', client_version: '1.96.0', endpoints: [] },
    ...change,
  });

describe('searching', () => {
  const nodes = [
    machine(1, { name: 'nas', tags: ['tag:storage'] }),
    machine(2, { name: 'ann-nas-backup', os: 'windows' }),
    machine(3, { available_routes: ['192.168.7.0/24'] }),
  ];
  test.each([
    ['nas', [1, 2]],
    ['NAS backup', [2]],
    ['tag:storage', [1]],
    ['100.64.0.3', [3]],
    ['192.168.7', [3]],
    ['windows', [2]],
    ['a1e0::2', [2]],
    ['nothing', []],
    ['  ', [1, 2, 3]],
  ])('for %j finds %j', (words, ids) => expect(search(nodes, words).map(({ id }) => id)).toEqual(ids));
});

test('what needs an administrator is told', () => {
  expect(needsAttention(machine(1), NOW)).toBe(false);
  expect(needsAttention(machine(1, { approved: false }), NOW)).toBe(true);
  expect(needsAttention(machine(1, { available_routes: ['10.0.0.0/8'] }), NOW)).toBe(true);
  expect(needsAttention(machine(1, { expiry: '2026-06-05T00:00:00Z' }), NOW)).toBe(true);
  expect(needsAttention(machine(1, { expiry: '2026-06-05T00:00:00Z', key_expiry_disabled: true }), NOW)).toBe(
    false,
  );
});

test('filters look at what they say', () => {
  expect(passes(machine(1, { approved_routes: ['0.0.0.0/0'] }), 'exit', NOW)).toBe(true);
  expect(passes(machine(1, { available_routes: ['0.0.0.0/0'] }), 'routers', NOW)).toBe(false);
  expect(passes(machine(1, { tags: ['tag:x'] }), 'tagged', NOW)).toBe(true);
});

test('addresses are sorted as numbers and names as people count', () => {
  const nodes = [machine(200), machine(3), machine(40)];
  const order = (column: string) => sortMachines(nodes, { column, isDescending: false }).map(({ id }) => id);
  expect(order('address')).toEqual([3, 40, 200]);
  expect(order('name')).toEqual([3, 40, 200]);
});

test('ten thousand are searched between two key strokes', () => {
  const nodes = Array.from({ length: 10_000 }, (_, id) => machine(id));
  search(nodes, 'warm');
  const began = performance.now();
  expect(search(nodes, 'machine-99 linux').length).toBeGreaterThan(100);
  // A frame is 16 ms; the machines that run tests are slow and shared.
  expect(performance.now() - began).toBeLessThan(100);
});
