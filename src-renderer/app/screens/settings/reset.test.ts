/** What resetting asks of the daemon. */
import { expect, test } from 'vitest';
import { calls } from '#shared/bridge/contract.ts';
import { firstSettings } from './reset.tsx';

test.each([
  ['linux', false],
  ['win32', true],
  ['darwin', true],
])('on %s shared networks are used at first: %s', (platform, acceptRoutes) => {
  const edit = firstSettings(platform);
  expect(edit.acceptRoutes).toBe(acceptRoutes);
  expect(calls['prefs.edit'].arg.safeParse(edit).success).toBe(true);
  // Whoever resets must not lock himself out, nor end the connection.
  expect(edit).not.toHaveProperty('operator');
  expect(edit).not.toHaveProperty('wantRunning');
});
