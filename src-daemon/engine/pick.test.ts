/** RHUMB_ENGINE, and what it says when it asks for what is not there. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { loadEngine } from '../ffi/engine.ts';
import { pickEngine } from './pick.ts';

const options = () => ({ clock: new FakeClock(), random: () => 0.5, log: silent });
const missing = () => ({ ok: false, why: 'the native engine is not built' }) as const;

test.each([undefined, '', 'auto', 'portable'])('%j gives the portable engine where no other is', (wanted) => {
  const { engine, reason } = pickEngine({ RHUMB_ENGINE: wanted }, options(), missing);
  expect(engine.kind).toBe('portable');
  expect(reason).not.toBe('');
});

test.each(['native', 'plain'])('%s says that it is not built, and what to do', (wanted) => {
  expect(() => pickEngine({ RHUMB_ENGINE: wanted }, options(), missing)).toThrow(
    'the native engine is not built; leave RHUMB_ENGINE unset',
  );
});

test.runIf(loadEngine().ok).each([undefined, 'auto', 'native', 'plain'])(
  '%j gives the native engine where it is built',
  async (wanted) => {
    const { engine } = pickEngine({ RHUMB_ENGINE: wanted }, options());
    expect(engine.kind).toBe('native');
    await engine.destroy();
  },
);

test('portable stays portable where both are', () => {
  expect(pickEngine({ RHUMB_ENGINE: 'portable' }, options()).engine.kind).toBe('portable');
});

test('anything else is refused', () => {
  expect(() => pickEngine({ RHUMB_ENGINE: 'turbo' }, options())).toThrow(
    'RHUMB_ENGINE=turbo: want native, plain, portable or auto',
  );
});

test.each(['0', '5', '1.5', 'many'])('%j threads are refused', (threads) => {
  expect(() => pickEngine({ RHUMB_ENGINE_THREADS: threads }, options(), missing)).toThrow(
    `RHUMB_ENGINE_THREADS=${threads}: want 1 to 4`,
  );
});
