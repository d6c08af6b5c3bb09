/** The disco key: new at each start, except when an earlier run's network map is used, whose peers know the earlier key. */
import { formatPrivate, type PrivateKey, parsePrivateKey } from '#shared/key/key.ts';
import type { StateStore } from './state-store.ts';

const KEY = '_discokey';

export interface DiscoKeyChoice {
  readonly key: PrivateKey;
  readonly isKept: boolean;
}

/**
 * Peers learn our disco key from the coordination server only. While that is away they would not answer a new one, and
 * two machines that restart without it would never meet again. A damaged entry costs no more than that, and neither does a
 * full disk, on which a machine that has its identity must start.
 */
export async function chooseDiscoKey(
  store: StateStore,
  hasEarlierMap: boolean,
  newPrivateKey: () => PrivateKey,
): Promise<DiscoKeyChoice> {
  const kept = hasEarlierMap ? read(store) : undefined;
  if (kept !== undefined) return { key: kept, isKept: true };
  const key = newPrivateKey();
  await store.set(KEY, new TextEncoder().encode(formatPrivate(key))).catch(() => undefined); // the store reports it
  return { key, isKept: false };
}

function read(store: StateStore): PrivateKey | undefined {
  const stored = store.get(KEY);
  if (stored === undefined) return undefined;
  try {
    return parsePrivateKey(new TextDecoder().decode(stored));
  } catch {
    return undefined;
  }
}
