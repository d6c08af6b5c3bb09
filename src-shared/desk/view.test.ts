/** Who may only look is shown what he may see, in snapshots and in patches alike. */
import { expect, test } from 'vitest';
import { NO_SNAPSHOT } from '../ui-state/empty.ts';
import { applyPatch, diffSnapshots } from '../ui-state/patch.ts';
import type { Snapshot } from '../ui-state/types.ts';
import { patchFor, viewOf } from './view.ts';

const ACCOUNT = { id: '1', name: 'n', loginName: 'l', network: 'w', server: 's', isCurrent: true };
const FULL: Snapshot = {
  ...NO_SNAPSHOT,
  link: { kind: 'ready', rights: 'manage' },
  state: 'NeedsLogin',
  authUrl: 'https://vpn.example/secret',
  accounts: [ACCOUNT],
};

test('who manages sees everything', () => {
  expect(viewOf(FULL, 'manage')).toBe(FULL);
});

test('who looks sees neither the sign-in page nor accounts', () => {
  const view = viewOf(FULL, 'readonly');
  expect(JSON.stringify(view)).not.toContain('secret');
  expect(view).toMatchObject({
    accounts: [],
    state: 'NeedsLogin',
    link: { kind: 'ready', rights: 'readonly' },
  });
});

test('a view that is patched is the view of what was patched', () => {
  const patch = diffSnapshots(NO_SNAPSHOT, FULL) ?? {};
  expect(applyPatch(viewOf(NO_SNAPSHOT, 'readonly'), patchFor(patch, 'readonly'))).toEqual(
    viewOf(FULL, 'readonly'),
  );
  expect(patchFor(patch, 'manage')).toBe(patch);
});
