/** Every benchmark. */
import type { Benchmark } from './benchmark.ts';
import { controlJoin } from './control-join.ts';
import { handshake } from './handshake.ts';
import { portableThroughput } from './portable-throughput.ts';

export const benchmarks: readonly Benchmark[] = [handshake, portableThroughput, controlJoin];
