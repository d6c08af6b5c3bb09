/** Which peer gets which prefixes: one peer has a prefix, for what comes from it and for what goes there. */
import type { Node } from '#shared/wire/node.ts';
import { type PeerClaims, peerClaims } from './peer-claims.ts';

export interface Acceptance {
  /** Subnets behind peers, too. */
  readonly acceptsRoutes: boolean;
  /** The one peer that gets the default routes. */
  readonly exitNode: Node | undefined;
}

/** Its prefixes are nobody's. */
const OURSELVES = -1;

/**
 * For each node, in their order. The first that names an address as its own has it, then the first that answers at it; of
 * those that carry a subnet the one that the server prefers, else the first. Nobody has ours, and the default routes are the
 * exit node's alone.
 */
export function allocate(nodes: readonly Node[], own: readonly string[], accept: Acceptance): string[][] {
  const claims = nodes.map(peerClaims);
  const owner = new Map<string, number>(own.map((prefix) => [prefix, OURSELVES]));
  const giveAll = (pick: (claims: PeerClaims) => readonly string[]): void => {
    for (const [i, each] of claims.entries())
      for (const prefix of pick(each)) if (!owner.has(prefix)) owner.set(prefix, i);
  };
  giveAll(({ addresses }) => addresses);
  giveAll(({ services }) => services);
  if (accept.acceptsRoutes) {
    giveAll(({ subnets, primary }) => subnets.filter((prefix) => primary.has(prefix)));
    giveAll(({ subnets }) => subnets);
  }
  const exit = accept.exitNode === undefined ? -1 : nodes.indexOf(accept.exitNode);
  for (const prefix of claims[exit]?.defaults ?? []) owner.set(prefix, exit);
  const allowed: string[][] = nodes.map(() => []);
  for (const [prefix, peer] of owner) allowed[peer]?.push(prefix);
  return allowed;
}
