/** Who may only look is shown what he may see, in snapshots and in patches alike. */
import { expect, test } from 'vitest';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '../ui-state/empty.ts';
import { applyPatch, diffSnapshots } from '../ui-state/patch.ts';
import type { Snapshot } from '../ui-state/types.ts';
import { patchFor, viewOf } from './view.ts';

const MANAGES = { rights: 'manage' } as const;
const LOOKS = { rights: 'readonly', sees: 'network' } as const;
const OUTSIDER = { rights: 'readonly', sees: 'device' } as const;
const ACCOUNT = { id: '1', name: 'n', loginName: 'l', network: 'w', server: 's', isCurrent: true };
const FULL: Snapshot = {
  ...NO_SNAPSHOT,
  link: { kind: 'ready', rights: 'manage' },
  state: 'NeedsLogin',
  authUrl: 'https://vpn.example/secret',
  accounts: [ACCOUNT],
};

test('who manages sees everything', () => {
  expect(viewOf(FULL, MANAGES)).toBe(FULL);
});

test('who looks sees neither the sign-in page nor accounts', () => {
  const view = viewOf(FULL, LOOKS);
  expect(JSON.stringify(view)).not.toContain('secret');
  expect(view).toMatchObject({
    accounts: [],
    state: 'NeedsLogin',
    link: { kind: 'ready', rights: 'readonly' },
  });
});

test('a view that is patched is the view of what was patched', () => {
  const patch = diffSnapshots(NO_SNAPSHOT, FULL) ?? {};
  expect(applyPatch(viewOf(NO_SNAPSHOT, LOOKS), patchFor(patch, LOOKS))).toEqual(viewOf(FULL, LOOKS));
  expect(patchFor(patch, MANAGES)).toBe(patch);
});

test('who was let in from another network is shown this device, and nothing of its network', () => {
  const inside: Snapshot = {
    ...FULL,
    state: 'Running',
    self: { ...NO_DEVICE, id: 'me', name: 'me' },
    devices: { secret: { ...NO_DEVICE, id: 'secret', name: 'secret' } },
    users: { 1: { id: '1', loginName: 'secret', displayName: 'secret' } },
    settings: { ...NO_SETTINGS, exitNodeId: 'secret', operator: 'secret' },
    suggestedExitNodeId: 'secret',
    relays: [{ id: 1, code: 'secret', name: 'secret', latencyMs: 1 }],
  };
  const view = viewOf(inside, OUTSIDER);
  expect(view.self?.name).toBe('me');
  expect(JSON.stringify(view)).not.toContain('secret');
  const patch = diffSnapshots(NO_SNAPSHOT, inside) ?? {};
  expect(applyPatch(viewOf(NO_SNAPSHOT, OUTSIDER), patchFor(patch, OUTSIDER))).toEqual(view);
});
