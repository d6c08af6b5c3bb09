/** Which machines an entry of nodeAttrs is about (policy.md §12.1). */
import type { Selector } from '../language/selector.ts';
import { overlaps } from '../sets/ranges.ts';
import { names } from './names.ts';
import type { Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

/** Addresses and `*` choose by address, everything else by owner and tags. */
export const isTarget = (resolver: Resolver, selector: Selector, machine: Machine): boolean =>
  ['any', 'prefix', 'host', 'ipset'].includes(selector.kind)
    ? overlaps(machine.addrSet, resolver.setOf(selector))
    : names(resolver.directory, selector, machine);
