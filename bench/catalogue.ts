/** Every benchmark. */
import type { Benchmark } from './benchmark.ts';
import { controlJoin } from './control-join.ts';
import { handshake } from './handshake.ts';
import { portableThroughput } from './portable-throughput.ts';
import { relay } from './relay.ts';

export const benchmarks: readonly Benchmark[] = [handshake, portableThroughput, controlJoin, relay];
