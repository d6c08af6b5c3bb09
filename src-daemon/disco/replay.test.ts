/** Copies of pings: from where they came before, and from elsewhere. */
import { expect, test } from 'vitest';
import { discoKeyFrom } from '#shared/key/key.ts';
import { PingMemory } from './replay.ts';

const [one, other] = [1, 2].map((byte) => discoKeyFrom(new Uint8Array(32).fill(byte))) as [never, never];

test('a copy from elsewhere is refused, a duplicate and another peer’s ping are not', () => {
  const memory = new PingMemory();
  expect(memory.take(one, 'a', 'here')).toBe(true);
  expect(memory.take(one, 'a', 'here')).toBe(true);
  expect(memory.take(one, 'a', 'there')).toBe(false);
  expect(memory.take(other, 'a', 'there')).toBe(true);
});

test('remembers a bounded number, and nobody who left', () => {
  const memory = new PingMemory();
  for (let i = 0; i < 600; i++) memory.take(one, `t${i}`, 'here');
  expect(memory.take(one, 't599', 'there')).toBe(false);
  expect(memory.take(one, 't0', 'there')).toBe(true);
  memory.keep(new Set([other]));
  expect(memory.take(one, 't599', 'there')).toBe(true);
});

test('remembers the last ones wherever they lie', () => {
  const memory = new PingMemory();
  for (let i = 0; i < 1_300; i++) {
    expect(memory.take(one, `t${i}`, 'here')).toBe(true);
    const oldest = Math.max(0, i - 511);
    expect(memory.take(one, `t${oldest}`, 'there')).toBe(false);
  }
});
