/** A host for tests: answers as it is told, keeps what it was asked, tells what the test wants told. */
import type { ArgOf, Bridge, CallName, EventName, ResultOf, ValueOf } from '#shared/bridge/contract.ts';
import { CallError } from '../bridge/failure.ts';

type Answers = { [K in CallName]?: (arg: ArgOf<K>) => ResultOf<K> | Promise<ResultOf<K>> };

export interface FakeBridge extends Bridge {
  readonly asked: { readonly name: CallName; readonly arg: unknown }[];
  readonly answers: Answers;
  tell<K extends EventName>(name: K, value: ValueOf<K>): void;
}

/** What has no answer fails as a call that this host can't do. */
export function fakeBridge(answers: Answers = {}): FakeBridge {
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  const asked: FakeBridge['asked'] = [];
  return {
    host: { kind: 'electron', can: [], platform: 'linux', version: '0.1.0' },
    asked,
    answers,
    call: async <K extends CallName>(name: K, arg: ArgOf<K>): Promise<ResultOf<K>> => {
      asked.push({ name, arg });
      const answer = answers[name] as ((arg: ArgOf<K>) => ResultOf<K> | Promise<ResultOf<K>>) | undefined;
      if (answer === undefined) throw new CallError('unavailable', `${name} is not possible here`);
      return await answer(arg);
    },
    on: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      const told = (value: unknown): void => listener(value as ValueOf<typeof name>);
      set.add(told);
      return () => set.delete(told);
    },
    tell: (name, value) => {
      for (const listener of listeners.get(name) ?? []) listener(value);
    },
  };
}
