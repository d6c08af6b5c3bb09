/** What happened to the network, as told to the map streams. */

/** Bits of what changed about a node, so that streams can send a patch instead of a whole node. */
export const What = {
  /** Anything a patch can't say: name, host info, addresses, owner, expired or not. */
  Whole: 1,
  Endpoints: 2,
  Derp: 4,
  Disco: 8,
  Key: 16,
  Online: 32,
  Expiry: 64,
  /** Something that only the node itself is told, such as a warning. */
  Notice: 128,
  /** Announced, approved or elected routes: what others may send through it may differ. */
  Routes: 256,
  /** Owner, tags, attributes, admitted or not: what the policy says of it may differ. */
  Tags: 512,
} as const;

export type Change =
  | { readonly kind: 'node'; readonly id: number; readonly what: number }
  | { readonly kind: 'removed'; readonly id: number }
  | { readonly kind: 'user'; readonly id: number }
  /** Another policy is in force. */
  | { readonly kind: 'policy' }
  /** What machines are told about names may differ. */
  | { readonly kind: 'dns' }
  /** What streams were told may be wrong; they must begin anew. */
  | { readonly kind: 'reset' };

export const nodeChange = (id: number, what: number): Change => ({ kind: 'node', id, what });
