/** Official clients and ours behind every kind of NAT, over our relay and over the official one, each side beginning. */
import { expect, test } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { textTable } from '../lab/matrix.ts';
import { SITE_KINDS } from '../lab/site.ts';
import { mixedMatrix } from './nat-pairs.ts';
import { pathOf, whyNoInterop } from './programs.ts';

test.for([
  { first: 'official', relay: 'ours' },
  { first: 'ours', relay: 'official' },
] as const)(
  'every pair of kinds, $first client first, over the relay that is $relay',
  async ({ first, relay }, { skip, onTestFailed }) => {
    const needed = relay === 'official' ? (['derper'] as const) : [];
    const reason = whyNoInterop('tailscaled', 'tailscale', ...needed);
    if (reason !== undefined) skip(reason);
    await using lab = await Lab.open();
    onTestFailed(() => console.error(lab.report()));
    const derper = relay === 'official' ? { derper: pathOf('derper') } : {};
    const results = await mixedMatrix(lab, { kinds: SITE_KINDS, first, withFailover: true, ...derper });
    console.log(textTable(results));
    expect(results.filter(({ problems }) => problems.length > 0)).toEqual([]);
  },
);
