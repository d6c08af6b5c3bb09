/** How a socket stays out of the tunnel. */
import { expect, test } from 'vitest';
import { escapes, isLoopback } from './escape.ts';

const make = (change: Partial<Parameters<typeof escapes>[0]> = {}) => {
  const said: string[] = [];
  const log = Object.assign((_level: string, what: string) => void said.push(what), { child: () => log });
  return {
    said,
    choose: escapes({
      log: log as never,
      isNeeded: true,
      canMark: () => true,
      defaultInterface: () => 'eth0',
      ...change,
    }),
  };
};
const MARK = { kind: 'mark', mark: 0x80000 };

test('is marked, but for the loopback, which no tunnel has', () => {
  const { choose } = make();
  expect(choose('192.0.2.1')).toEqual(MARK);
  expect(choose(undefined)).toEqual(MARK);
  expect(choose('fe80::1%eth0')).toEqual(MARK);
  expect(choose('127.0.0.53')).toEqual({ kind: 'none' });
  expect(choose('::1')).toEqual({ kind: 'none' });
});

test('without the right to mark it uses the interface of the default route, and says so once', () => {
  const { choose, said } = make({ canMark: () => false });
  expect(choose('192.0.2.1')).toEqual({ kind: 'device', name: 'eth0' });
  expect(choose('192.0.2.2')).toEqual({ kind: 'device', name: 'eth0' });
  expect(choose('127.0.0.1')).toEqual({ kind: 'none' });
  expect(said).toEqual(['outside.unmarked']);
});

test('without that and without a way out, and in userspace mode, it is a plain socket', () => {
  const { choose } = make({ canMark: () => false, defaultInterface: () => undefined });
  expect(choose('192.0.2.1')).toEqual({ kind: 'none' });
  expect(make({ isNeeded: false }).choose('192.0.2.1')).toEqual({ kind: 'none' });
});

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['::', false],
  ['1::1', false],
  ['128.0.0.1', false],
  ['localhost', false],
])('%s is of the loopback: %s', (ip, isSo) => expect(isLoopback(ip)).toBe(isSo));
