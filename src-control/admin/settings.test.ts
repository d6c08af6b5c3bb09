/** Settings as they hold: what administrators change, over what the configuration says. */
import { expect, test } from 'vitest';
import { loopback } from '../testing/loopback.ts';

test('approval that the configuration demands is shown as on, whatever the setting', async () => {
  await using server = await loopback({ config: { deviceApproval: true } });
  expect(await server.admin.call('settings.get', {})).toMatchObject({ devices_approval: true });
  const answer = await server.admin.call('settings.set', { devicesApproval: false });
  expect(answer).toMatchObject({ devices_approval: true });
});

test('without a word in the configuration the setting decides', async () => {
  await using server = await loopback();
  expect(await server.admin.call('settings.get', {})).toMatchObject({ devices_approval: false });
  const on = await server.admin.call('settings.set', { devicesApproval: true });
  expect(on).toMatchObject({ devices_approval: true });
});
