/** Who reaches whom becomes dots and lines, and no connection is lost on the way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bow, graphOf, place } from './graph.ts';

const node = (id: number, user_id: number | null, tags: string[] = []) => ({
  id,
  name: `m${id}`,
  tags,
  user_id,
});
const reach = {
  nodes: [node(1, 1), node(2, 1), node(3, 2), node(4, null, ['tag:db'])],
  edges: [
    { from: 1, to: [2, 4] },
    { from: 2, to: [4] },
    { from: 3, to: [1] },
    { from: 1, to: [3] },
  ],
  truncated: false,
};
const userName = (id: number): string => `user${id}`;

describe('the map', () => {
  test('of machines has a dot for each, and one line for both ways', () => {
    const { dots, lines } = graphOf(reach, 'machines', userName);
    expect(dots.map(({ name }) => name).sort()).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(lines).toContainEqual({ from: 'n1', to: 'n3', isMutual: true, pairs: 1 });
    expect(lines).toHaveLength(4);
  });

  test('of owners gathers machines, counts pairs, and tells who reach one another', () => {
    const { dots, lines } = graphOf(reach, 'owners', userName);
    expect(dots.map(({ name, machines, isInner }) => [name, machines.length, isInner])).toEqual([
      ['tag:db', 1, false],
      ['user1', 2, true],
      ['user2', 1, false],
    ]);
    expect(lines).toContainEqual({ from: 'u1', to: 'ttag:db', isMutual: false, pairs: 2 });
  });

  test('shows every pair exactly once', () => {
    const ids = fc.nat({ max: 12 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(ids, ids), { selector: String }), (pairs) => {
        const nodes = Array.from({ length: 13 }, (_, id) => node(id, id % 3));
        const edges = pairs.filter(([a, b]) => a !== b).map(([from, to]) => ({ from, to: [to] }));
        const { lines } = graphOf({ nodes, edges, truncated: false }, 'machines', userName);
        const shown = lines.reduce((sum, { isMutual }) => sum + (isMutual ? 2 : 1), 0);
        expect(shown).toBe(edges.length);
      }),
    );
  });

  test('is drawn with numbers, however many dots there are', () => {
    for (const count of [1, 2, 7, 40])
      for (let n = 0; n < count; n += 1)
        expect(bow(place(count, n, 100), place(count, (n + 1) % count, 100), 13)).not.toMatch(/NaN|Infinity/);
  });
});
