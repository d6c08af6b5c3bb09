/** What the local API may look at besides the backend, joined from the daemon's parts. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { Recent } from '#shared/log/recent.ts';
import type { AdjustableLog } from '#shared/node/log.ts';
import { relayDial } from '#shared/node/relay/dial.ts';
import type { TunnelPlane } from './backend/tunnel-plane.ts';
import type { Names } from './daemon-dns.ts';
import type { Tap } from './engine/types.ts';
import type {
  ForwardingPart,
  LogPart,
  OptionalParts,
  PlanePart,
  ProbePart,
  TrafficPart,
} from './localapi/parts.ts';
import type { CapturePath } from './localapi/pcap.ts';
import type { TrafficHistory } from './metrics/traffic-history.ts';
import type { Gateway } from './netmon/default-route.ts';
import type { Outside } from './outside/outside.ts';
import { probePortMapping } from './port-mapping-probe.ts';
import { probeRegion } from './relay-region-probe.ts';
import {
  checkForwarding,
  checkUdpGro,
  setUdpGro,
  systemForwarding,
  systemOffloads,
} from './router/forwarding.ts';
import { outsideProbes } from './underlay/system-probes.ts';

export interface ApiSources {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AdjustableLog;
  readonly logId: string;
  readonly plane: TunnelPlane;
  readonly traffic: TrafficHistory;
  readonly names: Names | undefined;
  readonly outside: Outside;
  readonly gateway: () => Gateway | undefined;
  readonly stateDir: string;
  /** Undefined without a device. */
  readonly tunName: string | undefined;
  readonly defaultInterface: () => string | undefined;
}

export function apiParts(from: ApiSources): OptionalParts {
  const { names, outside, stateDir } = from;
  return {
    dns:
      names === undefined
        ? undefined
        : {
            systemDns: () => names.manager()?.systemDns(),
            query: (name, type, signal) => names.resolver.query(name, type, signal),
          },
    forwarding: forwardingPart(from),
    logs: logPart(from),
    plane: planePart(from.plane),
    probes: probePart(from),
    traffic: trafficPart(from),
    stateDir,
    usesMark: outside.mark !== undefined,
  };
}

/** As for a machine that forwards everything, which is what scripts ask for before they announce routes. */
const ALL = ['0.0.0.0/0', '::/0'];

function forwardingPart({ tunName, defaultInterface }: ApiSources): ForwardingPart | undefined {
  if (tunName === undefined) return undefined;
  const onWayOut = (look: (name: string) => string): string => {
    const name = defaultInterface();
    return name === undefined ? '' : look(name);
  };
  return {
    ipForwarding: async () => checkForwarding(ALL, systemForwarding()),
    udpGro: async () => onWayOut((name) => checkUdpGro(tunName, name, systemOffloads)),
    setUdpGro: async () => onWayOut((name) => setUdpGro(tunName, name, systemOffloads)),
  };
}

/** The `mod` of their lines. */
const COMPONENTS = [
  'backend',
  'control',
  'derp',
  'dns',
  'engine',
  'localapi',
  'magicsock',
  'netmon',
  'outside',
  'peerapi',
  'resolver',
  'router',
  'underlay',
  'wireguard',
] as const;

/** About 400 kB. */
const KEPT_LINES = 2_000;

function logPart({ log, logId, clock }: ApiSources): LogPart {
  const recent = new Recent<string>(KEPT_LINES);
  log.tap((line) => recent.add(line));
  const endings = new Map<string, () => void>();
  return {
    id: logId,
    tap: log.tap,
    recent: () => recent.all(),
    components: COMPONENTS,
    verbose: (component, forMs) => {
      endings.get(component)?.();
      endings.delete(component);
      log.setPartLevel(component, forMs > 0 ? 'debug' : undefined);
      if (forMs > 0)
        endings.set(
          component,
          clock.after(forMs, () => log.setPartLevel(component, undefined)),
        );
    },
  };
}

const trafficPart = ({ plane, traffic }: ApiSources): TrafficPart => ({
  past: (seconds, peer) =>
    traffic.past(seconds, peer === undefined ? undefined : (plane.peers.idOf(peer) ?? 0)),
  subscribe: (listener) => traffic.subscribe(listener),
});

const PATHS = { 'from-host': 0, 'from-peer': 1, 'to-host': 2, 'to-peer': 3 } as const satisfies Record<
  Parameters<Tap>[0],
  CapturePath
>;

/** The engine shows packets to one; here all who capture share it. */
function planePart(plane: TunnelPlane): PlanePart {
  const listeners = new Set<Parameters<PlanePart['capture']>[0]>();
  const show: Tap = (way, packet) => {
    for (const listener of listeners) listener(PATHS[way], packet);
  };
  return {
    rebind: () => plane.rebind(),
    restun: () => plane.checkNetwork(),
    breakRelays: () => plane.breakRelays(),
    pathChanges: (peer) => plane.peers.pathChanges(peer),
    tried: (peer) => plane.peers.tried(peer),
    filterReport: () => plane.filterReport(),
    capture: (listener) => {
      listeners.add(listener);
      plane.capture(show);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) plane.capture(undefined);
      };
    },
  };
}

function probePart({ clock, random, outside, gateway }: ApiSources): ProbePart {
  const { sockets, names } = outside;
  const dial = relayDial({
    clock,
    connect: (target, signal) => sockets.connectTcp(target, signal),
    resolve: (host, family) => names.resolve(host, family),
  });
  const { lan = {} } = outsideProbes(clock, outside);
  return {
    relayRegion: (map, region, signal) => probeRegion({ dial, clock }, map, region, signal),
    portMapping: (route, say, signal) =>
      probePortMapping({ clock, random, outside, lan, gateway }, route, say, signal),
  };
}
