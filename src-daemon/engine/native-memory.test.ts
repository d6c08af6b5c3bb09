/** What a native engine that takes another's place is told. */
import { expect, test } from 'vitest';
import { NativeMemory } from './native-memory.ts';

test('the last switches are told again, before any peer', () => {
  const memory = new NativeMemory();
  memory.note({ op: 'peer-add', peer: 1, publicKey: new Uint8Array(32) });
  memory.note({ op: 'flags-set', flags: { noUdpGso: true } });
  memory.note({ op: 'flags-set', flags: { noUdpGro: true } });
  const ops = memory.ops();
  expect(ops.map(({ op }) => op)).toEqual(['flags-set', 'peer-add', 'routes-set']);
  expect(ops[0]).toEqual({ op: 'flags-set', flags: { noUdpGro: true } });
});
