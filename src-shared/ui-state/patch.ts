/** From one snapshot to the next: what changed, and the same change made again elsewhere. */
import type { Patch, Snapshot } from './types.ts';

type Top = Omit<Snapshot, 'devices' | 'users'>;

/** Undefined when nothing changed. Values are compared by what they say, so that equal ones make no news. */
export function diffSnapshots(before: Snapshot, after: Snapshot): Patch | undefined {
  const { devices: oldDevices, users: oldUsers, ...oldTop } = before;
  const { devices: newDevices, users: newUsers, ...newTop } = after;
  const top = changedKeys(oldTop, newTop);
  const devices = changedEntries(oldDevices, newDevices);
  const users = changedEntries(oldUsers, newUsers);
  if (top === undefined && devices === undefined && users === undefined) return undefined;
  return {
    ...(top !== undefined && { top }),
    ...(devices !== undefined && { devices }),
    ...(users !== undefined && { users }),
  };
}

/** Entries that a patch doesn't name keep their identity. */
export function applyPatch(snapshot: Snapshot, { top, devices, users }: Patch): Snapshot {
  return {
    ...snapshot,
    ...top,
    devices: devices === undefined ? snapshot.devices : merged(snapshot.devices, devices),
    users: users === undefined ? snapshot.users : merged(snapshot.users, users),
  };
}

function changedKeys(before: Top, after: Top): Partial<Top> | undefined {
  const changed = (Object.keys(after) as (keyof Top)[]).filter((key) => !isSame(before[key], after[key]));
  return changed.length === 0 ? undefined : Object.fromEntries(changed.map((key) => [key, after[key]]));
}

function changedEntries<T>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
): Record<string, T | null> | undefined {
  if (before === after) return undefined;
  const changed: Record<string, T | null> = {};
  let count = 0;
  for (const [id, value] of Object.entries(after))
    if (!Object.hasOwn(before, id) || !isSame(before[id], value)) {
      changed[id] = value;
      count++;
    }
  for (const id of Object.keys(before))
    if (!Object.hasOwn(after, id)) {
      changed[id] = null;
      count++;
    }
  return count === 0 ? undefined : changed;
}

function merged<T>(
  before: Readonly<Record<string, T>>,
  changes: Readonly<Record<string, T | null>>,
): Readonly<Record<string, T>> {
  const next = new Map(Object.entries(before));
  for (const [id, value] of Object.entries(changes)) {
    if (value === null) next.delete(id);
    else next.set(id, value);
  }
  return Object.fromEntries(next);
}

/** Both are plain JSON values made by the same code, so that the order of keys is the same. */
const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
