/** Small documents that windows keep with a profile: what was pinned, which program opens a service. */
import type { StateStore } from '../store/state-store.ts';

const KINDS = ['pins', 'service-clients'] as const;
export type NoteKind = (typeof KINDS)[number];

const keyOf = (profileKey: string, kind: NoteKind): string => `${profileKey}-${kind}`;

/** Every entry that a profile may have beside its own. */
export const noteKeys = (profileKey: string): string[] => KINDS.map((kind) => keyOf(profileKey, kind));

/** Undefined when nothing was kept yet, or nothing that can be read. */
export function readNote(store: StateStore, profileKey: string, kind: NoteKind): string | undefined {
  const raw = store.get(keyOf(profileKey, kind));
  return raw === undefined ? undefined : new TextDecoder().decode(raw);
}

export const writeNote = (
  store: StateStore,
  profileKey: string,
  kind: NoteKind,
  text: string,
): Promise<void> => store.set(keyOf(profileKey, kind), new TextEncoder().encode(text));
