/** Who talks most. */
import { expect, test } from 'vitest';
import type { PeerStatus } from '../../localapi/status.ts';
import { NO_PEER } from '../../localapi/status.ts';
import { topOf } from './traffic.ts';

const peer = (ID: string, RxBytes: number, TxBytes: number): PeerStatus => ({
  ...NO_PEER,
  ID,
  RxBytes,
  TxBytes,
});

test('those who sent and received most come first, and who was silent not at all', () => {
  const Peer = { a: peer('a', 1, 2), b: peer('b', 0, 0), c: peer('c', 9, 0), d: peer('', 99, 0) };
  expect(topOf({ Peer }, undefined)).toEqual([
    { id: 'c', in: 9, out: 0 },
    { id: 'a', in: 1, out: 2 },
  ]);
  expect(topOf({ Peer }, 'a')).toEqual([{ id: 'a', in: 1, out: 2 }]);
  expect(topOf({ Peer: undefined }, undefined)).toEqual([]);
});

test('not more than a page can show', () => {
  const Peer = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, peer(`n${n}`, n, 1)]));
  expect(topOf({ Peer }, undefined)).toHaveLength(20);
});
