/**
 * What the screens show of the server: each question asked once, kept, and asked again when the server says that its
 * topic changed. What was known stays on the screen while it is asked again, and when that fails.
 */
import { useEffect } from 'react';
import { create } from 'zustand';
import type { CallName, ConsoleCalls } from '#shared/console/calls.ts';
import { topicsOf } from '#shared/console/calls.ts';
import type { Topic } from '#shared/console/live.ts';
import { CallError, call, problemText } from './client.ts';

export interface Entry<T = unknown> {
  readonly data: T | undefined;
  /** Why the last try failed. */
  readonly problem: string | undefined;
  readonly code: string | undefined;
  readonly isAsking: boolean;
}

interface Question {
  readonly name: CallName;
  readonly ask: () => Promise<unknown>;
  shown: number;
  /** Something changed since the last answer. */
  isStale: boolean;
  /** Changed while it was being asked. */
  askAgain: boolean;
}

const UNKNOWN: Entry = { data: undefined, problem: undefined, code: undefined, isAsking: true };
const useEntries = create<Readonly<Record<string, Entry>>>(() => ({}));
const questions = new Map<string, Question>();
let onSignedOut = (): void => undefined;

export function whenSignedOut(react: () => void): void {
  onSignedOut = react;
}

const put = (key: string, change: Partial<Entry>): void =>
  useEntries.setState((all) => ({ [key]: { ...(all[key] ?? UNKNOWN), ...change } }));

async function askNow(key: string, question: Question): Promise<void> {
  if (useEntries.getState()[key]?.isAsking === true) {
    question.askAgain = true;
    return;
  }
  question.isStale = false;
  put(key, { isAsking: true });
  try {
    put(key, { data: await question.ask(), problem: undefined, code: undefined });
  } catch (error) {
    const code = error instanceof CallError ? error.code : 'internal';
    if (code === 'signed-out') onSignedOut();
    put(key, { problem: problemText(error), code });
    question.isStale = true;
  }
  put(key, { isAsking: false });
  if (!question.askAgain) return;
  question.askAgain = false;
  await askNow(key, question);
}

export type Query<T> = Entry<T> & { readonly retry: () => void };

/** `arg` undefined: not now. */
export function useQuery<K extends CallName>(
  name: K,
  arg: ConsoleCalls[K]['arg'] | undefined,
): Query<ConsoleCalls[K]['result']> {
  const key = arg === undefined ? '' : `${name} ${JSON.stringify(arg)}`;
  const entry = useEntries((all) => all[key]) ?? UNKNOWN;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is the argument
  useEffect(() => {
    if (arg === undefined) return;
    const question = questions.get(key) ?? {
      name,
      ask: () => call(name, arg),
      shown: 0,
      isStale: true,
      askAgain: false,
    };
    questions.set(key, question);
    question.shown += 1;
    if (question.isStale) void askNow(key, question);
    return () => {
      question.shown -= 1;
    };
  }, [key]);
  const retry = (): void => {
    const question = questions.get(key);
    if (question !== undefined) void askNow(key, question);
  };
  // The entry was put there by the question of this very key.
  return { ...(entry as Entry<ConsoleCalls[K]['result']>), retry };
}

/** Undefined topics: everything. What is on the screen is asked again at once, the rest when it is shown. */
export function invalidate(topics: readonly Topic[] | undefined): void {
  for (const [key, question] of questions) {
    const isConcerned =
      topics === undefined || topicsOf(question.name).some((topic) => topics.includes(topic));
    if (!isConcerned) continue;
    if (question.shown === 0) {
      question.isStale = true;
      continue;
    }
    void askNow(key, question);
  }
}

/** Changes what is known of an answer without asking, such as a few machines of ten thousand. */
export function amend<K extends CallName>(
  name: K,
  arg: ConsoleCalls[K]['arg'],
  change: (data: ConsoleCalls[K]['result']) => ConsoleCalls[K]['result'],
): void {
  const key = `${name} ${JSON.stringify(arg)}`;
  const { data: known, isAsking } = useEntries.getState()[key] ?? UNKNOWN;
  const question = questions.get(key);
  // The answer that is under way may be older than this.
  if (isAsking && question !== undefined) question.askAgain = true;
  if (known !== undefined) put(key, { data: change(known as ConsoleCalls[K]['result']) });
}

export const isShown = (name: CallName): boolean =>
  [...questions.values()].some((question) => question.name === name && question.shown > 0);

/** Whoever signs in next must not see what this one saw. */
export function forgetAll(): void {
  questions.clear();
  useEntries.setState({}, true);
}
