/** What needs an administrator's word: asks for it, follows what the system's helper says, and tells what came of it. */
import { useState } from 'react';
import type { ArgOf, CallName } from '#shared/bridge/contract.ts';
import { isDeclined, toCallError } from '../bridge/failure.ts';
import { t } from '../i18n/text.ts';
import { ask, failureText } from '../store/act.ts';
import { useApp } from '../store/store.ts';
import { cut } from './foreign.tsx';

export type HelperCall = Extract<
  CallName,
  'service.install' | 'service.start' | 'service.restart' | 'update.install' | 'forwarding.enable'
>;

export type Outcome =
  | { readonly kind: 'none' }
  /** What the helper said so far. */
  | { readonly kind: 'busy'; readonly lines: readonly string[] }
  /** Somebody said no, and nothing is different now. */
  | { readonly kind: 'declined' }
  | { readonly kind: 'failed'; readonly why: string; readonly details: string };

const SHOWN_LINES = 20;

interface Helper<K extends HelperCall> {
  readonly outcome: Outcome;
  /** True when it was done. */
  readonly run: (arg: ArgOf<K>) => Promise<boolean>;
}

export function useHelper<K extends HelperCall>(call: K): Helper<K> {
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' });
  const run = async (arg: ArgOf<K>): Promise<boolean> => {
    if (outcome.kind === 'busy') return false;
    let lines: readonly string[] = [];
    setOutcome({ kind: 'busy', lines });
    const off = useApp.getState().bridge?.on('operation', (said) => {
      if (said.call !== call) return;
      lines = [...lines, cut(said.line, 500)].slice(-SHOWN_LINES);
      setOutcome({ kind: 'busy', lines });
    });
    try {
      await ask(call, arg);
      setOutcome({ kind: 'none' });
      return true;
    } catch (error) {
      setOutcome(outcomeOf(error, call, lines));
      return false;
    } finally {
      off?.();
    }
  };
  return { outcome, run };
}

function outcomeOf(error: unknown, call: HelperCall, lines: readonly string[]): Outcome {
  if (isDeclined(error)) return { kind: 'declined' };
  const { code, message } = toCallError(error);
  // What the system wants of the person is in its words alone.
  const why = code === 'not-allowed' ? t('trouble.wanted', { why: cut(message, 300) }) : failureText(error);
  return { kind: 'failed', why, details: [`${call}: ${code}`, cut(message, 4_000), ...lines].join('\n') };
}
