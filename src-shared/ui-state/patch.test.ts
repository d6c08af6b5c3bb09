/** A patch makes of the old snapshot the new one, also after it was JSON. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from './empty.ts';
import { applyPatch, diffSnapshots } from './patch.ts';
import type { Device, Snapshot, User } from './types.ts';

const id = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'n1CNTRL');
const device: fc.Arbitrary<Device> = fc
  .record({ name: fc.string(), isOnline: fc.boolean(), keyExpiryMs: fc.option(fc.nat(), { nil: undefined }) })
  .map((change) => ({ ...NO_DEVICE, ...change }));
const user: fc.Arbitrary<User> = fc.record({ id, loginName: fc.string(), displayName: fc.string() });
const record = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(id, value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries));

const snapshot: fc.Arbitrary<Snapshot> = fc
  .record({
    devices: record(device),
    users: record(user),
    self: fc.option(device, { nil: undefined }),
    settings: fc.option(fc.constant(NO_SETTINGS), { nil: undefined }),
    loginError: fc.option(fc.string(), { nil: undefined }),
    authUrl: fc.constantFrom('', 'https://x'),
    state: fc.constantFrom('NoState', 'Running'),
  })
  .map((change) => ({ ...NO_SNAPSHOT, ...change }));

test('what was patched is what was meant, as values and as JSON', () => {
  fc.assert(
    fc.property(snapshot, snapshot, (before, after) => {
      const patch = diffSnapshots(before, after);
      if (patch === undefined) {
        expect(JSON.stringify(before)).toBe(JSON.stringify(after));
        return;
      }
      expect(applyPatch(before, patch)).toEqual(after);
      const sent: typeof patch = JSON.parse(JSON.stringify(patch));
      const far: Snapshot = JSON.parse(JSON.stringify(before));
      expect(applyPatch(far, sent)).toEqual(JSON.parse(JSON.stringify(after)));
    }),
  );
});

test('equal snapshots make no patch, however they were made', () => {
  fc.assert(
    fc.property(snapshot, (one) => {
      expect(diffSnapshots(one, structuredClone(one))).toBeUndefined();
    }),
  );
});

test('only the device that changed is in the patch, and the others stay the same objects', () => {
  const devices = { a: NO_DEVICE, b: { ...NO_DEVICE, name: 'b' } };
  const before = { ...NO_SNAPSHOT, devices };
  const patch = diffSnapshots(before, { ...before, devices: { ...devices, b: NO_DEVICE } });
  expect(patch).toEqual({ devices: { b: NO_DEVICE } });
  expect(applyPatch(before, patch ?? {}).devices['a']).toBe(devices.a);
  expect(diffSnapshots(before, { ...before, devices: { a: NO_DEVICE } })).toEqual({ devices: { b: null } });
});
