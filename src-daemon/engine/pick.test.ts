/** RHUMB_ENGINE, and what it says when it asks for what is not there. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { pickEngine } from './pick.ts';

const options = () => ({ clock: new FakeClock(), random: () => 0.5, log: silent });

test.each([undefined, '', 'auto', 'portable'])('%j gives the portable engine, with the reason', (wanted) => {
  const { engine, reason } = pickEngine(wanted, options());
  expect(engine.kind).toBe('portable');
  expect(reason).not.toBe('');
});

test('native says that it is not built, and what to do', () => {
  expect(() => pickEngine('native', options())).toThrow(
    'the native engine is not built; leave RHUMB_ENGINE unset',
  );
});

test('anything else is refused', () => {
  expect(() => pickEngine('turbo', options())).toThrow('RHUMB_ENGINE=turbo: want native, portable or auto');
});
