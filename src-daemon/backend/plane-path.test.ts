/** Which changes of a peer's path are news to its tunnel. */
import { expect, test } from 'vitest';
import { Ways } from './plane-path.ts';

const direct = (port: number) => ({ mode: 'direct', direct: { ip: '192.0.2.1', port } }) as const;

test('another way is news; the same one trusted for longer is not, nor is none', () => {
  const ways = new Ways();
  const news = [
    direct(1),
    { ...direct(1), validUntilMs: 9 },
    direct(2),
    { mode: 'none' },
    direct(2),
  ] as const;
  expect(news.map((path) => ways.isNews(1, path))).toEqual([true, false, true, false, true]);
});

test('a number that means another peer now has no way yet', () => {
  const ways = new Ways();
  for (const peer of [1, 2]) ways.isNews(peer, direct(1));
  ways.forget([1]);
  expect([1, 2].map((peer) => ways.isNews(peer, direct(1)))).toEqual([true, false]);
});
