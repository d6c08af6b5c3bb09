/** Large answers under way: few at once, none for ever. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Answers } from './answers.ts';

/** A stream that closes at once when told to. */
class FakeStream extends EventEmitter {
  code: number | undefined;
  close(code?: number): void {
    this.code = code;
    this.emit('close');
  }
}

test('admits two at a time, and the next when one is through', () => {
  const answers = new Answers(new FakeClock());
  const [one, two, three] = [new FakeStream(), new FakeStream(), new FakeStream()];
  expect([answers.admit(one), answers.admit(two), answers.admit(three)]).toEqual([true, true, false]);
  one.close();
  expect([answers.admit(three), answers.admit(new FakeStream())]).toEqual([true, false]);
});

test('ends one that nobody reads, and leaves no timer behind', async () => {
  const clock = new FakeClock();
  const answers = new Answers(clock);
  const [slow, quick] = [new FakeStream(), new FakeStream()];
  answers.admit(slow);
  answers.admit(quick);
  quick.close();
  await clock.advance(30_000);
  expect([slow.code, quick.code]).toEqual([8, undefined]);
  expect(clock.pending).toBe(0);
});
