/** Every scenario of the lab. */
import type { Scenario } from './scenario.ts';
import { badInput } from './scenarios/bad-input.ts';
import { badPackets } from './scenarios/bad-packets.ts';
import { badState } from './scenarios/bad-state.ts';
import { badWeather } from './scenarios/bad-weather.ts';
import { consolePolicy } from './scenarios/console-policy.ts';
import { controlRestart } from './scenarios/control-restart.ts';
import { crowd } from './scenarios/crowd.ts';
import { dns } from './scenarios/dns.ts';
import { dnsResolved } from './scenarios/dns-resolved.ts';
import { dnsSystem } from './scenarios/dns-system.ts';
import { ecn } from './scenarios/ecn.ts';
import { enginePanic } from './scenarios/engine-panic.ts';
import { engineSoak } from './scenarios/engine-soak.ts';
import { engineThreads } from './scenarios/engine-threads.ts';
import { engineTrouble } from './scenarios/engine-trouble.ts';
import { exitNode } from './scenarios/exit-node.ts';
import { exitNodeLan } from './scenarios/exit-node-lan.ts';
import { exitNodeLeak, exitNodeLeakBrief } from './scenarios/exit-node-leak.ts';
import { filter } from './scenarios/filter.ts';
import { keyExpiry } from './scenarios/key-expiry.ts';
import { natMatrix, natPairs } from './scenarios/nat-matrix.ts';
import { operator } from './scenarios/operator.ts';
import { pathEvents } from './scenarios/path-events.ts';
import { pathTrouble } from './scenarios/path-trouble.ts';
import { plainEngine } from './scenarios/plain-engine.ts';
import { policy } from './scenarios/policy.ts';
import { profilesScenario } from './scenarios/profiles.ts';
import { relayEvents } from './scenarios/relay-events.ts';
import { roaming } from './scenarios/roaming.ts';
import { sameLan } from './scenarios/same-lan.ts';
import { signIn } from './scenarios/sign-in.ts';
import { subnetOverlap } from './scenarios/subnet-overlap.ts';
import { subnetRouter } from './scenarios/subnet-router.ts';
import { subnetRouterSnatOff } from './scenarios/subnet-router-snat-off.ts';
import { threeHostsChurn } from './scenarios/three-hosts-churn.ts';
import { twoHosts } from './scenarios/two-hosts.ts';
import { wireguardGo } from './scenarios/wireguard-go.ts';
import { wireguardGoRekey } from './scenarios/wireguard-go-rekey.ts';

export const scenarios: readonly Scenario[] = [
  twoHosts,
  threeHostsChurn,
  controlRestart,
  signIn,
  policy,
  filter,
  subnetRouter,
  subnetRouterSnatOff,
  subnetOverlap,
  consolePolicy,
  roaming,
  exitNode,
  exitNodeLan,
  profilesScenario,
  keyExpiry,
  operator,
  exitNodeLeakBrief,
  dns,
  dnsSystem,
  dnsResolved,
  badInput,
  badState,
  badPackets,
  engineThreads,
  engineTrouble,
  pathTrouble,
  enginePanic,
  crowd,
  ecn,
  wireguardGo,
  wireguardGoRekey,
  plainEngine,
  engineSoak,
  natPairs,
  sameLan,
  pathEvents,
  relayEvents,
  badWeather,
  natMatrix,
  exitNodeLeak,
];
