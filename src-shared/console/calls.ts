/** The calls that the console makes: what it sends and what it reads of the answer. src-control/console checks that the server agrees. */
import type { z } from 'zod/mini';
import type { Topic } from './live.ts';
import { authKey, list, node, pending, user } from './shapes.ts';

/** Schemas of the answers, by name of the call. */
export const results = {
  'nodes.list': list(node, 100_000),
  'nodes.pending': list(pending, 10_000),
  'nodes.approve': node,
  'nodes.expire': node,
  'nodes.delete': node,
  'nodes.rename': node,
  'users.list': list(user, 100_000),
  'users.create': user,
  'preauthkeys.list': list(authKey, 100_000),
  'preauthkeys.create': authKey,
  'preauthkeys.expire': authKey,
} as const;

export type CallName = keyof typeof results;

interface Args {
  'nodes.list': { readonly user?: string };
  'nodes.pending': Nothing;
  'nodes.approve': { readonly request: string; readonly user?: string };
  'nodes.expire': OneNode;
  'nodes.delete': OneNode;
  'nodes.rename': OneNode & { readonly newName: string };
  'users.list': Nothing;
  'users.create': { readonly name: string; readonly displayName?: string };
  'preauthkeys.list': { readonly user?: string };
  'preauthkeys.create': {
    readonly user: string;
    readonly reusable: boolean;
    readonly ephemeral: boolean;
    readonly expirationMs: number;
  };
  'preauthkeys.expire': { readonly key: string };
}

type Nothing = Readonly<Record<never, never>>;
interface OneNode {
  readonly node: string;
}

export type ConsoleCalls = {
  readonly [K in CallName]: { readonly arg: Args[K]; readonly result: z.output<(typeof results)[K]> };
};

/** Which parts of the state an answer is made of. */
const TOPICS: Readonly<Record<string, readonly Topic[]>> = {
  nodes: ['nodes', 'users', 'routes'],
  users: ['users'],
  preauthkeys: ['keys', 'users'],
};

export function topicsOf(name: CallName): readonly Topic[] {
  if (name === 'nodes.pending') return ['pending'];
  return TOPICS[name.split('.', 1)[0] ?? ''] ?? [];
}
