/** Regions in order, and their past. */
import { expect, test } from 'vitest';
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import { barsOf, histories, topOf } from './netcheck-model.ts';

const report = (regions: NetcheckReport['regions'], preferred = 1): NetcheckReport => ({
  atMs: 0,
  udp: true,
  ipv4: '',
  ipv6: '',
  mappingVaries: null,
  portMapping: [],
  captivePortal: null,
  preferred,
  regions,
});
const region = (id: number, name: string, v4Ms: number | null, v6Ms: number | null = null) => ({
  id,
  code: name.slice(0, 3).toLowerCase(),
  name,
  v4Ms,
  v6Ms,
});

test('the nearest comes first, by either family, and what never answered last', () => {
  const bars = barsOf(
    report([
      region(1, 'Tokyo', 220),
      region(2, 'Lima', null),
      region(3, 'Paris', 30, 12),
      region(4, 'Berlin', 14),
    ]),
  );
  expect(bars.map(({ name }) => name)).toEqual(['Paris', 'Berlin', 'Tokyo', 'Lima']);
  expect(bars.filter(({ isPreferred }) => isPreferred).map(({ name }) => name)).toEqual(['Tokyo']);
  expect(topOf(bars)).toBe(500);
});

test('a chart of nothing has a top all the same', () => expect(topOf(barsOf(report([])))).toBe(1));

test('the past of a region has a gap where it did not answer', () => {
  const runs = [
    report([region(1, 'Paris', 10)]),
    report([region(1, 'Paris', null)]),
    report([region(1, 'Paris', 12)]),
  ];
  expect(histories(runs)).toEqual([{ id: 1, name: 'Paris', times: [10, undefined, 12] }]);
});
