/** Official clients and ours behind NATs: a few kinds, over our relay. */
import { expect, test } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { mixedMatrix } from './nat-pairs.ts';
import { whyNoInterop } from './programs.ts';

test('an official client and ours find the path that their NATs allow, over our relay', {
  timeout: 180_000,
}, async ({ skip, onTestFailed }) => {
  const reason = whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const kinds = ['port-restricted', 'symmetric', 'udp-blocked', 'ipv6-firewall'] as const;
  const results = await mixedMatrix(lab, { kinds, first: 'ours', withFailover: true });
  expect(results.filter(({ problems }) => problems.length > 0)).toEqual([]);
});
