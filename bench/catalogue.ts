/** Every benchmark. */
import { aead } from './aead.ts';
import type { Benchmark } from './benchmark.ts';
import { controlJoin } from './control-join.ts';
import { controlScale } from './control-scale.ts';
import { cpu } from './cpu.ts';
import { dnsBench } from './dns.ts';
import { engineLoad } from './engine-load.ts';
import { failover } from './failover.ts';
import { filter } from './filter.ts';
import { handshake } from './handshake.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { localapi } from './localapi.ts';
import { netmap } from './netmap.ts';
import { peers } from './peers.ts';
import { policy } from './policy.ts';
import { portableThroughput } from './portable-throughput.ts';
import { relay } from './relay.ts';
import { throughput } from './throughput.ts';
import { timeToDirect } from './time-to-direct.ts';
import { ui } from './ui.ts';

export const benchmarks: readonly Benchmark[] = [
  handshake,
  portableThroughput,
  throughput,
  latency,
  cpu,
  peers,
  engineLoad,
  aead,
  controlJoin,
  controlScale,
  relay,
  policy,
  dnsBench,
  netmap,
  filter,
  localapi,
  ui,
  timeToDirect,
  failover,
  idle,
];
