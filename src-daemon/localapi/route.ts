/** What a route of the local API is, and how tables of them are written. */
import type { Call } from './call.ts';

export interface Route {
  readonly needs: 'read' | 'write';
  /** What a refusal names: `<thing> access denied`. */
  readonly thing: string;
  readonly methods: readonly string[];
  /** Methods that change something, where the others only look. */
  readonly writes?: readonly string[];
  /** Of a wrong method; the official daemon answers some with 400 and a text that tests look at. */
  readonly wrongMethod?: { readonly status: number; readonly text: string };
  readonly handle: (call: Call) => Promise<void> | void;
}

/** By name below `/localapi/v0/`; a name that ends in a slash also takes what follows it. */
export type RouteTable = Readonly<Record<string, Route>>;

/** Older endpoints answer a wrong method so. */
export const WANT_POST = { status: 400, text: 'want POST' } as const;
export const WANT_GET = { status: 400, text: 'want GET' } as const;

export const read = (thing: string, methods: readonly string[], handle: Route['handle']): Route => ({
  needs: 'read',
  thing,
  methods,
  handle,
});
export const write = (thing: string, methods: readonly string[], handle: Route['handle']): Route => ({
  needs: 'write',
  thing,
  methods,
  handle,
});
export const post = (thing: string, handle: Route['handle']): Route => ({
  ...write(thing, ['POST'], handle),
  wrongMethod: WANT_POST,
});
