/** The names of relays are asked for once at a time, and a resolver that fails does not make a known relay unknown. */
import { expect, test } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { RelayNames } from './names.ts';

function rig() {
  const clock = new FakeClock();
  const asked: { readonly host: string; readonly answer: PromiseWithResolvers<readonly string[]> }[] = [];
  const names = new RelayNames(clock, (host) => {
    const answer = Promise.withResolvers<readonly string[]>();
    asked.push({ host, answer });
    return answer.promise;
  });
  const answer = (...addresses: string[]): void => asked.at(-1)?.answer.resolve(addresses);
  const fail = (): void => asked.at(-1)?.answer.reject(new Error('the resolver is down'));
  return { clock, names, asked, answer, fail };
}

test('those who ask at the same time get one answer', async () => {
  const { names, asked, answer } = rig();
  const both = Promise.all([names.address('a.example', 4), names.address('a.example', 4)]);
  answer('192.0.2.1', '192.0.2.2');
  expect(await both).toEqual(['192.0.2.1', '192.0.2.1']);
  const six = names.address('a.example', 6);
  answer('2001:db8::1');
  expect([await six, asked.length]).toEqual(['2001:db8::1', 2]);
});

test('a name that never had an address is a failure', async () => {
  const { names, answer, fail } = rig();
  const none = expect(names.address('a.example', 4)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  answer();
  await none;
  const down = expect(names.address('a.example', 4)).rejects.toThrow('the resolver is down');
  fail();
  await down;
});

test('the last good address is used when the resolver fails or takes too long', async () => {
  const { clock, names, asked, answer, fail } = rig();
  const first = names.address('a.example', 4);
  answer('192.0.2.1');
  await first;
  const second = names.address('a.example', 4);
  fail();
  expect(await second).toBe('192.0.2.1');
  const third = names.address('a.example', 4);
  await clock.advance(300);
  expect(await third).toBe('192.0.2.1');
  // The question is still open: nobody asks it again, and its answer counts.
  const fourth = names.address('a.example', 4);
  answer('192.0.2.9');
  expect([await fourth, asked.length, clock.pending]).toEqual(['192.0.2.9', 3, 0]);
});
