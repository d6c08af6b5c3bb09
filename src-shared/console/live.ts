/** What the console's server says beside the answers to calls: who is signed in, what just changed, what went wrong. */
import { z } from 'zod/mini';

const text = (max: number) => z.string().check(z.maxLength(max));

/** Answer of `GET /admin/api/session`. */
export const session = z.object({
  user: z.object({ id: z.int(), name: text(256), displayName: text(512), pictureUrl: text(2_048) }),
  role: text(32),
  /** Names of the calls that this user may make. */
  calls: z.array(text(64)).check(z.maxLength(500)),
  /** Goes back with every call, so that no other site can make one. */
  csrf: text(256),
  server: z.object({ url: text(2_048), version: text(64), baseDomain: text(256) }),
  links: z.object({ signOut: text(256), passkeys: z.nullable(text(256)) }),
});
export type Session = z.infer<typeof session>;

/** Parts of the state of which something changed; whoever shows one asks again. */
export const TOPICS = [
  'nodes',
  'pending',
  'users',
  'keys',
  'policy',
  'dns',
  'routes',
  'relays',
  'audit',
  'webhooks',
  'settings',
  'sessions',
] as const;
export type Topic = (typeof TOPICS)[number];

/** More changed machines than this are not named one by one. */
export const MAX_NAMED = 200;

/** One event of `GET /admin/api/events`. */
export const liveEvent = z.object({
  topics: z.array(z.enum(TOPICS)).check(z.maxLength(TOPICS.length)),
  /** Machines that changed or went; null when there are too many to name. */
  nodes: z.nullable(z.array(z.int()).check(z.maxLength(MAX_NAMED))),
});
export type LiveEvent = z.infer<typeof liveEvent>;

export const failure = z.object({
  error: z.object({ code: text(32), message: text(8_192), details: z.optional(z.unknown()) }),
});
