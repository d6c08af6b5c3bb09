/** A random world, its traffic and what befalls it: the same for the same seed. */
import { NAT_KINDS, type NatBehaviour, type NatKind } from '../network/nat.ts';
import { conditions, type LinkConditions } from '../network/network.ts';
import {
  type MachinePlan,
  machine,
  type PlugPlan,
  type SitePlan,
  site,
  type WorldPlan,
} from '../network/world.ts';
import { seeded } from '../wire.ts';
import { type Dice, dice } from './dice.ts';

export interface FlowPlan {
  readonly from: number;
  readonly to: number;
  readonly kind: 'echo' | 'data';
  readonly everyMs: number;
  /** Packets leave in these times only. */
  readonly phases: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export type Fault =
  | { readonly kind: 'site-link'; readonly site: number; readonly forMs: number }
  | { readonly kind: 'plug-link'; readonly machine: number; readonly forMs: number }
  | { readonly kind: 'rebind'; readonly site: number }
  | { readonly kind: 'reboot'; readonly site: number }
  | { readonly kind: 'renumber'; readonly site: number }
  | { readonly kind: 'block-udp'; readonly site: number; readonly forMs: number }
  | { readonly kind: 'loss'; readonly site: number; readonly loss: number; readonly forMs: number }
  | { readonly kind: 'roam'; readonly machines: readonly number[]; readonly site: number }
  | { readonly kind: 'sleep'; readonly machine: number; readonly forMs: number }
  | { readonly kind: 'restart'; readonly machine: number; readonly keepsKey: boolean }
  | {
      readonly kind: 'relay';
      readonly region: number;
      readonly state: 'down' | 'silent';
      readonly forMs: number;
    }
  | { readonly kind: 'remove-region'; readonly region: number }
  | { readonly kind: 'drop-wireguard'; readonly site: number; readonly forMs: number }
  | { readonly kind: 'control'; readonly forMs: number }
  | { readonly kind: 'hostile'; readonly what: Hostility; readonly machine: number };

export const HOSTILITIES = [
  'stranger',
  'forged-stun',
  'replay',
  'junk',
  'forged-data',
  'bad-list',
  'list-by-udp',
  'spoofed-source',
] as const;
export type Hostility = (typeof HOSTILITIES)[number];

export interface SimulationPlan {
  readonly seed: number;
  readonly world: WorldPlan;
  readonly flows: readonly FlowPlan[];
  readonly faults: readonly { readonly atMs: number; readonly fault: Fault }[];
  readonly controlDelayMs: number;
  readonly durationMs: number;
}

/** Machines are up and have their home relays by then. */
export const WARM_UP_MS = 4_000;
/** Without faults, so that the first search can be judged. */
export const CALM_MS = 15_000;
const HOUR_MS = 3_600_000;

export function randomPlan(seed: number): SimulationPlan {
  const roll = dice(seeded(seed));
  const world = randomWorld(roll);
  const durationMs = WARM_UP_MS + CALM_MS + roll.int(20_000, 90_000);
  return {
    seed,
    world,
    flows: randomFlows(roll, world.machines.length, durationMs),
    faults: randomFaults(roll, world, durationMs),
    controlDelayMs: roll.int(20, 300),
    durationMs,
  };
}

function randomWorld(roll: Dice): WorldPlan {
  const sites: SitePlan[] = [];
  // A few homes share a carrier that hides them once more.
  if (roll.chance(0.3)) sites.push(randomSite(roll, { net4: '100.70.0', above: undefined }));
  const hasCarrier = sites.length > 0 && sites[0]?.nat !== undefined && sites[0].nat.mapping !== 'none';
  const count = sites.length + roll.int(2, 4);
  while (sites.length < count) {
    const above = hasCarrier && roll.chance(0.5) ? 0 : undefined;
    sites.push(randomSite(roll, { net4: `192.168.${roll.int(1, 3)}`, above }));
  }
  const machines: MachinePlan[] = [];
  for (let i = roll.int(2, 4); i > 0; i--) machines.push(randomMachine(roll, sites));
  const relays = Array.from({ length: roll.int(1, 3) }, () => ({
    delayMs: roll.real(1, 60),
    isStunUp: !roll.chance(0.05),
  }));
  return { sites, machines, relays };
}

function randomSite(roll: Dice, fixed: { net4: string; above: number | undefined }): SitePlan {
  const nat = randomNat(roll);
  const isUnder = fixed.above !== undefined;
  const hasV6 = !isUnder && roll.chance(0.25);
  const isBlocked = roll.chance(0.06);
  return site({
    ...fixed,
    // Under a carrier there is always a home router, and it translates.
    nat: isUnder && (nat === undefined || nat.mapping === 'none') ? NAT_KINDS['port-restricted'] : nat,
    hasV4: !hasV6 || !roll.chance(0.2),
    hasV6,
    udp: isBlocked
      ? roll.pick([{ kind: 'none' }, { kind: 'only', ports: [53, 443] }] as const)
      : roll.chance(0.04)
        ? { kind: 'but', ports: [3_478] }
        : { kind: 'all' },
    uplink: randomLink(roll, 1, 60),
    firewall6: roll.chance(0.2) ? NAT_KINDS.open : NAT_KINDS.firewall,
    isIsolated: roll.chance(0.08),
  });
}

function randomNat(roll: Dice): NatBehaviour | undefined {
  if (roll.chance(0.08)) return undefined;
  const kind = roll.choose<NatKind>({
    'full-cone': 2,
    'address-restricted': 2,
    'port-restricted': 6,
    symmetric: 3,
    'symmetric-sequential': 2,
    'symmetric-per-address': 1,
    firewall: 1,
    open: 1,
  });
  const idleMs = roll.chance(0.1)
    ? roll.pick([5_000, 20_000])
    : roll.pick([30_000, 60_000, 120_000, 300_000]);
  return {
    ...NAT_KINDS[kind],
    hairpin: roll.pick(['no', 'no', 'external-source', 'internal-source']),
    idleMs,
    unrepliedMs: Math.min(30_000, idleMs),
    isRefreshedByInbound: roll.chance(0.7),
    // The smallest that is sold; one attempt at guessing ports opens 256.
    maxMappings: roll.chance(0.1) ? 512 : 4_096,
  };
}

const randomLink = (roll: Dice, low: number, high: number): LinkConditions =>
  conditions({
    delayMs: roll.real(low, high),
    jitterMs: roll.chance(0.4) ? roll.real(0, 20) : 0,
    loss: roll.chance(0.3) ? roll.real(0, 0.05) : 0,
    duplicate: roll.chance(0.2) ? roll.real(0, 0.05) : 0,
    reorder: roll.chance(0.2) ? roll.real(0, 0.1) : 0,
    mtu: roll.chance(0.1) ? 1_300 : 1_500,
  });

function randomMachine(roll: Dice, sites: readonly SitePlan[]): MachinePlan {
  const plug = (metric: number): PlugPlan => ({
    site: roll.int(0, sites.length - 1),
    metric,
    link: randomLink(roll, 0.1, 3),
  });
  const first = plug(1);
  const second = plug(2);
  const hasTwo = roll.chance(0.2) && second.site !== first.site;
  const forward = roll.choose({ no: 8, static: 1, mapped: 2 });
  return machine(0, {
    plugs: hasTwo ? [first, second] : [first],
    hasFirewall: roll.chance(0.15),
    forward,
    // Two machines of a network can't have the same port forwarded.
    port: roll.chance(0.7) && forward === 'no' ? 41_641 : roll.int(10_000, 30_000),
  });
}

function randomFlows(roll: Dice, machines: number, durationMs: number): FlowPlan[] {
  const flows: FlowPlan[] = [];
  for (let i = roll.int(1, Math.min(4, machines * (machines - 1))); i > 0; i--) {
    const from = roll.int(0, machines - 1);
    const to = (from + roll.int(1, machines - 1)) % machines;
    if (flows.some((flow) => flow.from === from && flow.to === to)) continue;
    const fromMs = WARM_UP_MS + roll.int(0, 3_000);
    const phases = roll.chance(0.7)
      ? [{ fromMs, toMs: durationMs }]
      : [
          { fromMs, toMs: fromMs + roll.int(1_000, durationMs / 2) },
          { fromMs: durationMs - 15_000, toMs: durationMs },
        ];
    flows.push({ from, to, kind: roll.pick(['echo', 'echo', 'data']), everyMs: roll.int(100, 500), phases });
  }
  return flows;
}

function randomFaults(roll: Dice, world: WorldPlan, durationMs: number): SimulationPlan['faults'] {
  const faults: { atMs: number; fault: Fault }[] = [];
  for (
    let atMs = WARM_UP_MS + CALM_MS + roll.int(0, 5_000);
    atMs < durationMs - 8_000;
    atMs += roll.int(500, 20_000)
  )
    faults.push({ atMs, fault: randomFault(roll, world) });
  return faults;
}

function randomFault(roll: Dice, world: WorldPlan): Fault {
  const onSite = roll.int(0, world.sites.length - 1);
  const onMachine = roll.int(0, world.machines.length - 1);
  const forMs = roll.pick([300, 1_000, 4_000, 8_000, 20_000]);
  const kind = roll.choose<Fault['kind']>({
    'site-link': 2,
    'plug-link': 2,
    rebind: 3,
    reboot: 1,
    renumber: 2,
    'block-udp': 2,
    loss: 2,
    roam: 4,
    sleep: 1,
    restart: 2,
    relay: 3,
    'remove-region': 1,
    'drop-wireguard': 2,
    control: 2,
    hostile: 5,
  });
  switch (kind) {
    case 'site-link':
    case 'block-udp':
      return { kind, site: onSite, forMs };
    case 'rebind':
    case 'reboot':
    case 'renumber':
      return { kind, site: onSite };
    case 'plug-link':
      return { kind, machine: onMachine, forMs };
    case 'loss':
      return { kind, site: onSite, loss: roll.real(0.05, 0.6), forMs };
    case 'roam': {
      const other = roll.int(0, world.machines.length - 1);
      return { kind, machines: roll.chance(0.3) ? [onMachine, other] : [onMachine], site: onSite };
    }
    case 'sleep':
      return { kind, machine: onMachine, forMs: roll.pick([10_000, 60_000, 900_000, HOUR_MS]) };
    case 'restart':
      return { kind, machine: onMachine, keepsKey: roll.chance(0.7) };
    case 'relay':
      return {
        kind,
        region: roll.int(1, world.relays.length),
        state: roll.chance(0.8) ? 'down' : 'silent',
        forMs,
      };
    case 'remove-region':
      return { kind, region: roll.int(1, world.relays.length) };
    case 'drop-wireguard':
      return { kind, site: onSite, forMs: roll.pick([20_000, HOUR_MS]) };
    case 'control':
      return { kind, forMs: roll.chance(0.3) ? HOUR_MS : forMs };
    case 'hostile':
      return { kind, what: roll.pick(HOSTILITIES), machine: onMachine };
    default:
      return kind satisfies never;
  }
}
