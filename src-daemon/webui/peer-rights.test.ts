/** Who of the network manages a device, and who only looks. */
import { expect, test } from 'vitest';
import { NO_USER } from '#shared/localapi/user.ts';
import { type Node, node } from '#shared/wire/node.ts';
import { isOutsider, peerRights } from './peer-rights.ts';

const nodeOf = (change: Record<string, unknown>): Node =>
  node.parse({ ID: 1, StableID: 'n1', Name: 'a.net.', User: 7, ...change });
const SELF = nodeOf({});
const rights = (caller: Record<string, unknown>, CapMap?: Record<string, unknown[] | null>, self = SELF) =>
  peerRights({ Node: nodeOf({ ID: 2, StableID: 'n2', ...caller }), UserProfile: NO_USER, CapMap }, self);
const GRANT = { 'tailscale.com/cap/webui': [{ canEdit: ['*'] }] };

test('the owner’s other devices manage it, other people’s look', () => {
  expect(rights({ User: 7 })).toBe('manage');
  expect(rights({ User: 8 })).toBe('readonly');
});

test('nobody owns a device with tags, and a device with tags is nobody’s', () => {
  expect(rights({ User: 7, Tags: ['tag:x'] })).toBe('readonly');
  expect(rights({ User: 7 }, undefined, nodeOf({ Tags: ['tag:x'] }))).toBe('readonly');
});

test('a grant lets others manage it, when it is for everything', () => {
  expect(rights({ User: 8 }, GRANT)).toBe('manage');
  expect(rights({ User: 8 }, GRANT, nodeOf({ Tags: ['tag:x'] }))).toBe('manage');
  expect(rights({ User: 8 }, { 'tailscale.com/cap/webui': [{ canEdit: ['ssh'] }, 7, null] })).toBe(
    'readonly',
  );
  expect(rights({ User: 8 }, { 'tailscale.com/cap/webui': null })).toBe('readonly');
});

test('a guest of another network looks, and only at this device, whatever he was granted', () => {
  const guest = { User: 8, Hostinfo: { ShareeNode: true } };
  expect(rights(guest, GRANT)).toBe('readonly');
  expect(isOutsider(nodeOf(guest))).toBe(true);
  expect(isOutsider(nodeOf({ Sharer: 9 }))).toBe(true);
  expect(isOutsider(nodeOf({ Sharer: 0 }))).toBe(false);
});

test('a key that the network’s lock has not signed manages nothing', () => {
  expect(rights({ User: 7, UnsignedPeerAPIOnly: true }, GRANT)).toBe('readonly');
});

test('who was let in from another network only looks, and so does this machine itself', () => {
  expect(rights({ User: 7, Sharer: 9 }, GRANT)).toBe('readonly');
  expect(rights({ ID: 1, StableID: 'n1', User: 7 }, GRANT)).toBe('readonly');
});
