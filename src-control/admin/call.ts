/** One thing that can be asked of the server: what it takes, what it needs, what it does. */
import type { z } from 'zod';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import type { Need } from './scopes.ts';

/** The longest argument of a call: a policy of 1 MiB with every character escaped once, as JSON has it. */
export const MAX_ARG_BYTES = 2 << 20;

export interface Call<A extends z.ZodType, R> {
  readonly arg: A;
  readonly scope: Need;
  readonly run: (deps: AdminDeps, arg: z.output<A>, by: Caller) => Promise<R>;
}

/** Gives `run` the types of `arg`. */
export const defineCall = <A extends z.ZodType, R>(call: Call<A, R>): Call<A, R> => call;
