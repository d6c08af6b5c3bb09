/** Changes one setting of the daemon: shown at once, confirmed by its echo, taken back with the reason when it fails. */
import { useState } from 'react';
import type { ArgOf } from '#shared/bridge/contract.ts';
import { act } from '../store/act.ts';

/** What a control shows, and how to change it. */
export interface Wished<T> {
  readonly value: T;
  readonly set: (value: T) => void;
}

/** `confirmed` is what the daemon says; `edit` says what to ask of it. */
export function useWished<T>(confirmed: T, edit: (value: T) => ArgOf<'prefs.edit'>): Wished<T> {
  const [wish, setWish] = useState<{ readonly value: T }>();
  const set = (value: T): void => {
    const mine = { value };
    setWish(mine);
    // The daemon has said how it is now, whether it agreed or not.
    void act('prefs.edit', edit(value)).then(() => setWish((now) => (now === mine ? undefined : now)));
  };
  return { value: wish === undefined ? confirmed : wish.value, set };
}
