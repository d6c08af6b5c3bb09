/** Guesses at the ports of a NAT that gives each destination its own (nat-traversal.md §11.4). */
import type { SockAddr } from '#shared/ip/address.ts';
import { isPublic4 } from './candidate.ts';
import type { MappingSample } from './types.ts';

/** Below are the ports of services, which no NAT gives out for these. */
const FIRST_PORT = 1_024;
const PORTS = 65_536 - FIRST_PORT;
/** Ports of one NAT that are no further apart than this were counted up. */
const MAX_STEP = 16;
/** Some NATs keep a subscriber's ports together: some guesses are for those after the known ones. */
const NEAR = 8;

/** The next ports of a NAT that counts; none when the samples don't look like counting. */
export function nextPorts(samples: readonly MappingSample[], count: number): readonly SockAddr[] {
  const mapped = samples.map((sample) => sample.mapped).filter(isPublic4);
  const last = mapped.at(-1);
  if (last === undefined) return [];
  const ports = [...new Set(mapped.filter(({ ip }) => ip === last.ip).map(({ port }) => port))];
  if (ports.length < 2) return [];
  const steps = ports.slice(1).map((port, i) => port - (ports[i] as number));
  const isUp = steps.every((step) => step > 0 && step <= MAX_STEP);
  const isDown = steps.every((step) => step < 0 && step >= -MAX_STEP);
  if (!isUp && !isDown) return [];
  return Array.from({ length: count }, (_, i) => ({
    ip: last.ip,
    port: wrapped(last.port + (isUp ? i + 1 : -i - 1)),
  }));
}

/**
 * Different ports, spread evenly from a random beginning after those near `known`: against random ports any choice is as
 * good as another, and against counting ones no block of open ports as long as the gap is missed.
 */
export function spreadPorts(options: {
  readonly known: readonly number[];
  readonly count: number;
  readonly random: number;
}): readonly number[] {
  const { known, count, random } = options;
  const found = new Set<number>();
  if (known.length > 0) {
    const end = Math.max(...known);
    for (let i = 1; i <= NEAR; i++) found.add(wrapped(end + i));
  }
  const gap = PORTS / Math.max(1, count - found.size);
  for (let i = 0; found.size < count && i < 2 * count; i++)
    found.add(wrapped(FIRST_PORT + Math.floor(random * PORTS + i * gap)));
  return [...found];
}

const wrapped = (port: number): number => FIRST_PORT + ((((port - FIRST_PORT) % PORTS) + PORTS) % PORTS);
