/** A simulated world as it stands now, described again, for oracles; and names for the kinds of its places. */
import { NAT_KINDS, type NatBehaviour } from '../network/nat.ts';
import type { MachinePlan, SitePlan, World, WorldPlan } from '../network/world.ts';

/** Links, rules and places as they are; NAT tables empty. */
export function currentPlan(plan: WorldPlan, world: World): WorldPlan {
  const sites = plan.sites.map((site, i): SitePlan => {
    const router = world.sites[i]?.router;
    return router === undefined
      ? site
      : { ...site, udp: router.dropsWireguard ? { kind: 'none' } : router.udp, uplink: { ...router.uplink } };
  });
  const machines = plan.machines.map((machine, i): MachinePlan => {
    const uplinks = world.machines[i]?.uplinks() ?? [];
    const plugs = uplinks.map(({ name, metric, link }) => ({
      site: Number(name.slice('site'.length)),
      metric,
      link: { ...link },
    }));
    // Forwards were made where the machine was at first.
    const isHome = plugs.every((plug) => machine.plugs.some((own) => own.site === plug.site));
    return { ...machine, plugs, forward: isHome ? machine.forward : 'no' };
  });
  const relays = plan.relays.map((relay, i) => {
    const link = world.stun[i]?.uplinks()[0]?.link;
    return { ...relay, isStunUp: relay.isStunUp && link?.isUp !== false };
  });
  return { sites, machines, relays };
}

/** Of the place where a machine begins. */
export function labelOf(plan: WorldPlan, index: number): string {
  const machine = plan.machines[index];
  const site = plan.sites[machine?.plugs[0]?.site ?? -1];
  if (machine === undefined || site === undefined) return 'nowhere';
  const parts = [natName(site.nat)];
  if (site.above !== undefined) parts.push(`under ${natName(plan.sites[site.above]?.nat)}`);
  if (site.hasV6) parts.push(site.hasV4 ? 'v6' : 'v6 only');
  if (site.udp.kind === 'none' || site.udp.kind === 'only') parts.push('no udp');
  if (site.udp.kind === 'but') parts.push('no stun');
  if (machine.hasFirewall) parts.push('own firewall');
  if (machine.forward !== 'no') parts.push(machine.forward);
  return parts.join(' ');
}

function natName(nat: NatBehaviour | undefined): string {
  if (nat === undefined) return 'public';
  for (const [name, kind] of Object.entries(NAT_KINDS))
    if (kind.mapping === nat.mapping && kind.filtering === nat.filtering && kind.ports === nat.ports)
      return name;
  return `${nat.mapping}/${nat.filtering}`;
}
