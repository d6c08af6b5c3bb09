/** One address of the HTTP API: what it takes, what it needs, what it does and what it answers; the documentation is made of the same. */
import { z } from 'zod';
import type { Caller } from '../admin/caller.ts';
import { type CallArg, type CallName, type CallResult, carryOut } from '../admin/calls.ts';
import type { AdminDeps } from '../admin/deps.ts';
import type { Need } from '../admin/scopes.ts';

/** What a handler works with. */
export interface Asked {
  readonly deps: AdminDeps;
  readonly by: Caller;
  /** By its name in lower case. */
  header(name: string): string | undefined;
  /** The same calls as from the command line and the console. */
  call<K extends CallName>(name: K, arg: CallArg<K>): Promise<CallResult<K>>;
}

export const askedBy = (
  deps: AdminDeps,
  by: Caller,
  header: (name: string) => string | undefined,
): Asked => ({ deps, by, header, call: (name, arg) => carryOut(deps, name, arg, by) });

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What is not JSON: text of a kind, with headers of its own. */
export class RawAnswer {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(text: string, headers: Readonly<Record<string, string>>) {
    this.text = text;
    this.headers = headers;
  }
}

interface Parts<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: Method;
  /** With `:name` for what varies. */
  readonly path: string;
  /** What a caller needs to be heard at all; `open` = judged by the handler, as it depends on what is asked. */
  readonly need: Need | 'open';
  readonly summary: string;
  readonly tag: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The body is handed on as text. */
  readonly isRaw?: boolean;
  readonly result: z.ZodType;
  readonly run: (
    asked: Asked,
    input: { readonly params: z.output<P>; readonly query: z.output<Q>; readonly body: z.output<B> },
  ) => Promise<unknown>;
}

export type Endpoint = Parts<z.ZodType, z.ZodType, z.ZodType>;

type Nothing = z.ZodObject<Record<never, never>>;

/** Gives `run` the types of what it takes. */
export const endpoint = <
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = z.ZodUndefined,
>(
  parts: Parts<P, Q, B>,
): Endpoint => parts as unknown as Endpoint;

/** An answer without content. */
export const empty = z.object({});
