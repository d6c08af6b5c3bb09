/** What befalls a simulated network, and whom each of it concerns. */
import type { Random } from '#shared/async/clock.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import { conditions, type LinkConditions } from '../network/network.ts';
import type { SimClock } from '../network/sim-clock.ts';
import { plugInto, type World, wanAddress } from '../network/world.ts';
import type { ModelControl } from './control.ts';
import type { Hostile } from './hostile.ts';
import type { Machine } from './machine.ts';
import type { Fault } from './plan.ts';
import type { Relay } from './relays.ts';

/**
 * A peer whose session was lost at the other end notices 15 s after it speaks (WireGuard paper §6.5), if the one packet that
 * confirms the new session is lost.
 */
const SESSION_LOST_MS = 45_000;

export interface FaultContext {
  readonly hasRealEngines: boolean;
  readonly clock: SimClock;
  readonly random: Random;
  readonly world: World;
  readonly machines: readonly Machine[];
  readonly relays: Map<number, Relay>;
  readonly control: ModelControl;
  readonly hostile: Hostile;
  newKey(): PrivateKey;
  /** Something changed for these machines: what they had may work no longer. */
  trouble(machines: readonly number[]): void;
  /** To be waited for at the end. */
  work(promise: Promise<void>): void;
}

/** Above this loss the pair counts as disturbed for as long as it lasts. */
const HEAVY_LOSS = 0.25;
const HEAVY_EVERY_MS = 500;

export function applyFault(context: FaultContext, fault: Fault): void {
  const { world, machines, control } = context;
  switch (fault.kind) {
    case 'site-link':
      whileIn(
        context,
        () => under(world, machines, fault.site),
        fault.forMs,
        world.sites[fault.site]?.router?.uplink,
        {
          isUp: false,
        },
      );
      return;
    case 'loss':
      whileIn(
        context,
        () => under(world, machines, fault.site),
        fault.forMs,
        world.sites[fault.site]?.router?.uplink,
        {
          loss: fault.loss,
        },
      );
      if (fault.loss > HEAVY_LOSS) keepTroubled(context, under(world, machines, fault.site), fault.forMs);
      return;
    case 'plug-link': {
      const machine = machines[fault.machine];
      whileIn(context, () => [fault.machine], fault.forMs, machine?.host.uplinks()[0]?.link, { isUp: false });
      machine?.linkChanged();
      context.clock.after(fault.forMs, () => machine?.linkChanged());
      return;
    }
    case 'rebind':
    case 'reboot':
    case 'renumber':
    case 'block-udp':
    case 'drop-wireguard':
      applyToRouter(context, fault);
      return;
    case 'roam':
      for (const index of fault.machines) roam(context, index, fault.site);
      return;
    case 'sleep':
      sleep(context, fault.machine, fault.forMs);
      return;
    case 'restart': {
      const machine = machines[fault.machine];
      context.trouble([fault.machine]);
      if (context.hasRealEngines) keepTroubled(context, [fault.machine], SESSION_LOST_MS);
      if (machine !== undefined) context.work(machine.restart(fault.keepsKey ? undefined : context.newKey()));
      return;
    }
    case 'relay':
      breakRelay(context, fault.region, fault.state, fault.forMs);
      return;
    case 'remove-region':
      removeRegion(context, fault.region);
      return;
    case 'control':
      control.isAway = true;
      context.clock.after(fault.forMs, () => control.back());
      return;
    case 'hostile':
      context.hostile.act(fault.what, fault.machine);
      return;
    default:
      fault satisfies never;
  }
}

type RouterFault = Extract<
  Fault,
  { readonly kind: 'rebind' | 'reboot' | 'renumber' | 'block-udp' | 'drop-wireguard' }
>;

function applyToRouter(context: FaultContext, fault: RouterFault): void {
  const { world, machines, clock, random } = context;
  const site = world.sites[fault.site];
  const router = site?.router;
  if (site === undefined || router === undefined) return;
  const concerned = under(world, machines, fault.site);
  context.trouble(concerned);
  switch (fault.kind) {
    case 'rebind':
      router.nat.rebind(true);
      return;
    case 'reboot':
      router.reboot();
      return;
    case 'renumber': {
      if (router.wanIp === undefined || router.nat.behaviour.mapping === 'none') return;
      const turn = 1 + Math.floor(random() * 100);
      const above = site.plan.above === undefined ? undefined : world.sites[site.plan.above];
      router.renumber(
        above === undefined ? wanAddress(fault.site, turn) : `${above.plan.net4}.${100 + (turn % 90)}`,
      );
      return;
    }
    case 'drop-wireguard':
      router.dropsWireguard = true;
      clock.after(fault.forMs, () => {
        router.dropsWireguard = false;
        context.trouble(under(world, machines, fault.site));
      });
      return;
    case 'block-udp': {
      const before = router.udp;
      router.udp = { kind: 'none' };
      clock.after(fault.forMs, () => {
        router.udp = before.kind === 'none' ? site.plan.udp : before;
        // Others may be there by now.
        context.trouble(under(world, machines, fault.site));
      });
      return;
    }
    default:
      fault satisfies never;
  }
}

/** Machines whose packets pass the router of that site. */
function under(world: World, machines: readonly Machine[], index: number): number[] {
  const passes = (at: number | undefined): boolean =>
    at !== undefined && (at === index || passes(world.sites[at]?.plan.above));
  return machines
    .filter(({ host }) => host.uplinks().some(({ name }) => passes(Number(name.slice('site'.length)))))
    .map((machine) => machine.index);
}

function whileIn(
  context: FaultContext,
  concerned: () => readonly number[],
  forMs: number,
  link: LinkConditions | undefined,
  change: Partial<LinkConditions>,
): void {
  if (link === undefined) return;
  const before = { isUp: true, loss: Math.min(link.loss, HEAVY_LOSS / 4) };
  Object.assign(link, change);
  context.trouble(concerned());
  context.clock.after(forMs, () => {
    Object.assign(link, before);
    // Others may be there by now.
    context.trouble(concerned());
  });
}

function keepTroubled(context: FaultContext, concerned: readonly number[], leftMs: number): void {
  if (leftMs <= 0) return;
  context.trouble(concerned);
  context.clock.after(HEAVY_EVERY_MS, () => keepTroubled(context, concerned, leftMs - HEAVY_EVERY_MS));
}

/** Leaves its network, and is in the other one a moment later. */
function roam(context: FaultContext, index: number, site: number): void {
  const { clock, random, machines, world } = context;
  const machine = machines[index];
  if (machine === undefined) return;
  for (const { name } of machine.host.uplinks()) machine.host.unplug(name);
  context.trouble([index]);
  machine.linkChanged();
  clock.after(random() * 3_000, () => {
    plugInto(world.sites, machine.host, index, {
      site,
      metric: 1,
      link: conditions({ delayMs: 1 + 5 * random() }),
    });
    context.trouble([index]);
    machine.linkChanged();
  });
}

function sleep(context: FaultContext, index: number, forMs: number): void {
  const machine = context.machines[index];
  if (machine === undefined || machine.host.isAsleep) return;
  machine.suspend();
  context.trouble([index]);
  context.clock.after(forMs, () => {
    context.trouble([index]);
    machine.resume();
  });
}

function breakRelay(context: FaultContext, region: number, state: 'down' | 'silent', forMs: number): void {
  const relay = context.relays.get(region);
  const everybody = context.machines.map(({ index }) => index);
  if (relay === undefined || relay.state !== 'up') return;
  if (state === 'down') relay.crash();
  else relay.state = 'silent';
  // The same program answers STUN.
  const stun = context.world.stun[region - 1]?.uplinks()[0]?.link;
  if (stun !== undefined) stun.isUp = false;
  context.trouble(everybody);
  context.clock.after(forMs, () => {
    relay.state = 'up';
    if (stun !== undefined) stun.isUp = true;
    context.trouble(everybody);
  });
}

/** Gone from the map for good; the last one stays. */
function removeRegion({ relays, machines, world, trouble }: FaultContext, region: number): void {
  const relay = relays.get(region);
  if (relay === undefined || relays.size < 2) return;
  relays.delete(region);
  relay.crash();
  const stun = world.stun[region - 1]?.uplinks()[0]?.link;
  if (stun !== undefined) stun.isUp = false;
  trouble(machines.map(({ index }) => index));
  for (const machine of machines) machine.regionRemoved(region);
}
