/** Asks the host once when a part of a screen appears, and again when the user says so. */
import { useEffect, useState } from 'react';
import type { ArgOf, CallName, ResultOf } from '#shared/bridge/contract.ts';
import { ask, failureText } from '../store/act.ts';

export type Asked<T> =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'ready'; readonly value: T };

export interface Asking<T> {
  readonly answer: Asked<T>;
  readonly again: () => void;
  /** As `again`, and shows what is known until the answer comes. */
  readonly refresh: () => void;
}

/** The argument counts as it was when the part appeared. */
export function useAsked<K extends CallName>(name: K, arg: ArgOf<K>): Asking<ResultOf<K>> {
  const [answer, setAnswer] = useState<Asked<ResultOf<K>>>({ kind: 'waiting' });
  const [round, setRound] = useState(0);
  const [asked] = useState(() => arg);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks the same again
  useEffect(() => {
    let isGone = false;
    const tell = (next: Asked<ResultOf<K>>): void => {
      if (!isGone) setAnswer(next);
    };
    ask(name, asked).then(
      (value) => tell({ kind: 'ready', value }),
      (error: unknown) => tell({ kind: 'failed', problem: failureText(error) }),
    );
    return () => {
      isGone = true;
    };
  }, [name, asked, round]);
  const refresh = (): void => setRound((before) => before + 1);
  return {
    answer,
    again: () => {
      setAnswer({ kind: 'waiting' });
      refresh();
    },
    refresh,
  };
}
