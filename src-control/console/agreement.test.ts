/** The console sends what the server's calls take, and reads of the answers what is in them. */
import { expect, test } from 'vitest';
import type { z } from 'zod/mini';
import type { CallArgs, results } from '#shared/console/calls.ts';
import type { CallArg, CallName, CallResult } from '../admin/calls.ts';

type Results = typeof results;

type Frozen<T> = T extends (infer I)[]
  ? readonly Frozen<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** Calls with which something is wrong; each name in here is a line of the compiler's complaint below. */
type Disagreeing = {
  [K in keyof CallArgs]: K extends CallName
    ? Frozen<CallArgs[K]> extends Frozen<CallArg<K>>
      ? Frozen<CallResult<K>> extends Frozen<z.input<Results[K]>>
        ? never
        : `${K}: answer`
      : `${K}: argument`
    : `${K}: unknown to the server`;
}[keyof CallArgs];

test('the console and the calls of the server fit each other', () => {
  // Does not compile unless they do, and then names the calls.
  const agreement: [Disagreeing] extends [never] ? true : Disagreeing = true;
  expect(agreement).toBe(true);
});
