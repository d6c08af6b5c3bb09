/** From one snapshot to the next: what changed, and the same change made again elsewhere. */
import type { Patch, Snapshot } from './types.ts';

type Top = Omit<Snapshot, 'devices' | 'users'>;
type Clearable = NonNullable<Patch['cleared']>[number];

/** Undefined when nothing changed. Values are compared by what they say, so that equal ones make no news. */
export function diffSnapshots(before: Snapshot, after: Snapshot): Patch | undefined {
  if (before === after) return undefined;
  const { devices: oldDevices, users: oldUsers, ...oldTop } = before;
  const { devices: newDevices, users: newUsers, ...newTop } = after;
  const changed = (Object.keys(newTop) as (keyof Top)[]).filter((key) => !isSame(oldTop[key], newTop[key]));
  const set = changed.filter((key) => newTop[key] !== undefined);
  const cleared = changed.filter((key) => newTop[key] === undefined) as Clearable[];
  const devices = changedEntries(oldDevices, newDevices);
  const users = changedEntries(oldUsers, newUsers);
  if (changed.length === 0 && devices === undefined && users === undefined) return undefined;
  return {
    ...(set.length > 0 && { top: Object.fromEntries(set.map((key) => [key, newTop[key]])) }),
    ...(cleared.length > 0 && { cleared }),
    ...(devices !== undefined && { devices }),
    ...(users !== undefined && { users }),
  };
}

/** Entries that a patch doesn't name keep their identity. */
export function applyPatch(snapshot: Snapshot, { top, cleared, devices, users }: Patch): Snapshot {
  return {
    ...snapshot,
    ...top,
    ...Object.fromEntries((cleared ?? []).map((key) => [key, undefined])),
    devices: devices === undefined ? snapshot.devices : merged(snapshot.devices, devices),
    users: users === undefined ? snapshot.users : merged(snapshot.users, users),
  };
}

function changedEntries<T>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
): Record<string, T | null> | undefined {
  if (before === after) return undefined;
  // By entries: an id such as `__proto__` is a name like any other.
  const changed: [string, T | null][] = [];
  for (const [id, value] of Object.entries(after))
    if (!Object.hasOwn(before, id) || !isSame(before[id], value)) changed.push([id, value]);
  for (const id of Object.keys(before)) if (!Object.hasOwn(after, id)) changed.push([id, null]);
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

function merged<T>(
  before: Readonly<Record<string, T>>,
  changes: Readonly<Record<string, T | null>>,
): Readonly<Record<string, T>> {
  // A spread defines what it copies: an id such as `__proto__` is a name like any other.
  const next: Record<string, T | null> = { ...before, ...changes };
  for (const [id, value] of Object.entries(changes)) if (value === null) delete next[id];
  return next as Readonly<Record<string, T>>;
}

/** Both are plain JSON values made by the same code, so that the order of keys is the same. */
export const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
