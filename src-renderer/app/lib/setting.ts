/** Changes one setting of the daemon: shown at once, confirmed by its echo, taken back with the reason when it fails. */
import { useEffect, useRef, useState } from 'react';
import type { ArgOf } from '#shared/bridge/contract.ts';
import { act } from '../store/act.ts';

/** What a control shows, and how to change it. */
export interface Wished<T> {
  readonly value: T;
  readonly set: (value: T) => void;
}

/** The daemon has agreed; what it says of itself comes a moment later. */
const ECHO_MS = 3_000;

/** `confirmed` is what the daemon says; `edit` says what to ask of it. */
export function useWished<T>(confirmed: T, edit: (value: T) => ArgOf<'prefs.edit'>): Wished<T> {
  const [wish, setWish] = useState<{ readonly value: T }>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const said = JSON.stringify(confirmed);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever it says now is newer than the wish
  useEffect(() => setWish(undefined), [said]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (value: T): void => {
    const mine = { value };
    const forget = (): void => setWish((now) => (now === mine ? undefined : now));
    setWish(mine);
    void act('prefs.edit', edit(value)).then((isDone) => {
      clearTimeout(timer.current);
      if (isDone) timer.current = setTimeout(forget, ECHO_MS);
      else forget();
    });
  };
  return { value: wish === undefined ? confirmed : wish.value, set };
}
