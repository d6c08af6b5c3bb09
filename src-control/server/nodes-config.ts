/** The parts of the configuration about machines: their addresses, who lets them in, and how routers are watched. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import {
  CGNAT,
  formatPrefix,
  maskPrefix,
  type Prefix,
  parsePrefix,
  TAILNET_ULA,
} from '#shared/ip/address.ts';
import { type AddressPlan, DEFAULT_PLAN, isInside } from '../state/addresses.ts';
import { overlaps } from '../state/announced.ts';
import { parseDuration } from './duration.ts';

const text = z.string().min(1).max(64);
const prefixes = z.union([text, z.array(text).min(1).max(16)]);

export const addressSettings = z.strictObject({
  /** Within 100.64.0.0/10; several are used up one after the other. */
  v4: prefixes.optional(),
  /** Within fd7a:115c:a1e0::/48. */
  v6: prefixes.optional(),
  strategy: z.enum(['sequential', 'random']).optional(),
  /** How long the addresses of a deleted machine are nobody's. */
  quarantine: text.optional(),
});

export const routingSettings = z.strictObject({
  /** How often routers that stand in for each other are asked whether they are there. */
  probeInterval: text.optional(),
  probeTimeout: text.optional(),
  /** A better router takes its prefix back as soon as it can serve. */
  failback: z.boolean().optional(),
});

export interface RoutingConfig {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly failback: boolean;
}

const SHORTEST_PROBE_MS = 1_000;
/** A machine must be able to be away for a week-end. */
const SHORTEST_INACTIVE_MS = 24 * 3_600_000;

export function addressPlan(given: z.output<typeof addressSettings> | undefined): AddressPlan {
  return {
    v4: given?.v4 === undefined ? DEFAULT_PLAN.v4 : readPrefixes('v4', given.v4, CGNAT),
    v6: given?.v6 === undefined ? DEFAULT_PLAN.v6 : readPrefixes('v6', given.v6, TAILNET_ULA),
    strategy: given?.strategy ?? DEFAULT_PLAN.strategy,
    quarantineMs:
      given?.quarantine === undefined ? DEFAULT_PLAN.quarantineMs : parseDuration(given.quarantine),
  };
}

/** Clients know what is the network's by these ranges: elsewhere they would not work properly. */
function readPrefixes(
  key: 'v4' | 'v6',
  given: string | readonly string[],
  within: Prefix,
): readonly Prefix[] {
  const read: Prefix[] = [];
  for (const one of typeof given === 'string' ? [given] : given) {
    const prefix = parsePrefix(one);
    if (prefix === undefined || formatPrefix(maskPrefix(prefix)) !== formatPrefix(prefix))
      throw new RhumbError(
        'bad-argument',
        `addresses.${key}: "${one}" is not a prefix such as ${formatPrefix(within)}`,
      );
    if (!isInside(prefix, within))
      throw new RhumbError(
        'bad-argument',
        `addresses.${key}: ${one} must lie within ${formatPrefix(within)}`,
      );
    const other = read.find((known) => overlaps(known, prefix));
    if (other !== undefined)
      throw new RhumbError('bad-argument', `addresses.${key}: ${one} overlaps ${formatPrefix(other)}`);
    read.push(prefix);
  }
  return read;
}

export function routingConfig(given: z.output<typeof routingSettings> | undefined): RoutingConfig {
  const probeIntervalMs = parseDuration(given?.probeInterval ?? '10s');
  const probeTimeoutMs = parseDuration(given?.probeTimeout ?? '5s');
  if (probeIntervalMs < SHORTEST_PROBE_MS || probeTimeoutMs < SHORTEST_PROBE_MS)
    throw new RhumbError('bad-argument', 'routing: probeInterval and probeTimeout must be at least 1s');
  return { probeIntervalMs, probeTimeoutMs, failback: given?.failback ?? false };
}

/** 0 = machines stay however long they are away. */
export function inactiveMs(given: string | undefined): number {
  const ms = parseDuration(given ?? '0');
  if (ms !== 0 && ms < SHORTEST_INACTIVE_MS)
    throw new RhumbError('bad-argument', 'deleteInactive must be at least 1d, or 0 for never');
  return ms;
}
