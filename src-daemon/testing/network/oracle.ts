/**
 * Whether two machines of a world could talk directly at all: a minimal exchange of pings without loss or delay, as the
 * success matrix of nat-traversal.md §7.2 was measured. What it says no to may still be reached by guessing ports.
 */

import { isTailnetIp, parseIp, type SockAddr } from '#shared/ip/address.ts';
import { decodeResponse, encodeRequest } from '#shared/stun/stun.ts';
import { seeded } from '../wire.ts';
import { isForbidden } from './forbidden.ts';
import type { Host, HostSocket } from './host.ts';
import { isV6 } from './network.ts';
import { SimClock } from './sim-clock.ts';
import { STUN_PORT } from './stun-host.ts';
import {
  buildWorld,
  type MachinePlan,
  routersOf,
  type SitePlan,
  stunAddress,
  type World,
  type WorldPlan,
} from './world.ts';

const ROUNDS = 4;
const SETTLE_MS = 2_000;
const PING = 1;
const PONG = 2;

interface Party {
  readonly host: Host;
  readonly sockets: Readonly<Record<4 | 6, HostSocket>>;
  readonly own: SockAddr[];
  readonly known: Map<string, SockAddr>;
  readonly reflexive: SockAddr[];
  hasPong: boolean;
}

/** Whether each of the two gets an answer to a ping of its own. */
export function canMeet(plan: WorldPlan, a: number, b: number): boolean {
  const world = buildWorld(quiet(plan), new SimClock(), seeded(1));
  const parties = [party(world, plan, a), party(world, plan, b)] as const;
  for (const one of parties) discover(world, one);
  const [first, second] = parties;
  learn(first, second);
  learn(second, first);
  for (let round = 0; round < ROUNDS && !(first.hasPong && second.hasPong); round++)
    for (const one of parties) {
      for (const addr of [...one.known.values()]) send(one, addr, PING);
      world.network.clock.run(SETTLE_MS);
    }
  return first.hasPong && second.hasPong;
}

/** The same machines and boxes without their weather. */
function quiet(plan: WorldPlan): WorldPlan {
  const calm = <T extends { readonly isUp: boolean; readonly mtu: number }>({ isUp, mtu }: T) => ({
    isUp,
    mtu,
    delayMs: 1,
    jitterMs: 0,
    loss: 0,
    duplicate: 0,
    reorder: 0,
  });
  return {
    sites: plan.sites.map((site): SitePlan => ({ ...site, uplink: calm(site.uplink) })),
    machines: plan.machines.map(
      (machine): MachinePlan => ({
        ...machine,
        plugs: machine.plugs.map((plug) => ({ ...plug, link: calm(plug.link) })),
      }),
    ),
    relays: Array.from({ length: serversOf(plan) }, () => ({ delayMs: 1, isStunUp: true })),
  };
}

/** Two at most are asked; one of them may be one that does not answer. */
function serversOf({ relays }: WorldPlan): number {
  const silent = relays.filter(({ isStunUp }) => !isStunUp).length;
  return Math.max(0, Math.min(2, relays.length) - silent);
}

function party(world: World, plan: WorldPlan, index: number): Party {
  const host = world.machines[index];
  const machine = plan.machines[index];
  if (host === undefined || machine === undefined) throw new RangeError(`no machine ${index}`);
  const reflexive: SockAddr[] = [];
  const receive = (from: SockAddr, data: Uint8Array): void => {
    const stun = decodeResponse(data);
    if (stun !== undefined) reflexive.push(stun.addr);
    else heard(made, from, data[0]);
  };
  const made: Party = {
    host,
    sockets: { 4: host.bind(4, receive, machine.port), 6: host.bind(6, receive, machine.port) },
    own: host
      .addresses()
      .filter(isAdvertised)
      .map((ip) => ({ ip, port: machine.port })),
    known: new Map(),
    reflexive,
    hasPong: false,
  };
  made.own.push(...forwarded(world, machine, host));
  return made;
}

/** What the router told when it was asked for a port; behind another router that would be of no use. */
function forwarded(world: World, machine: MachinePlan, host: Host): SockAddr[] {
  if (machine.forward !== 'mapped') return [];
  const hasV4 = (index: number): boolean => world.sites[index]?.plan.hasV4 === true;
  const asked = machine.plugs
    .filter(({ site, link }) => hasV4(site) && link.isUp)
    .sort((a, b) => a.metric - b.metric)
    .slice(0, 1);
  return asked.flatMap(({ site }) => {
    const [router, second] = routersOf(world.sites, site);
    const inner = router?.nat.forwards.get(machine.port);
    const isOurs = inner !== undefined && host.addresses().includes(inner.ip);
    return isOurs && router?.wanIp !== undefined && second === undefined
      ? [{ ip: router.wanIp, port: machine.port }]
      : [];
  });
}

/** Nobody looks for a peer at an address of their own: two networks may well number alike. */
function learn(one: Party, other: Party): void {
  const own = new Set(one.own.map(textOf));
  for (const addr of other.own) if (!own.has(textOf(addr))) one.known.set(textOf(addr), addr);
}

const isAdvertised = (ip: string): boolean => {
  const bytes = parseIp(ip);
  return bytes !== undefined && !isTailnetIp(bytes);
};

function discover(world: World, one: Party): void {
  for (const region of [1, 2])
    for (const family of [4, 6] as const)
      one.sockets[family].send(
        { ip: stunAddress(region, family), port: STUN_PORT },
        encodeRequest(new Uint8Array(12).fill(region)),
      );
  world.network.clock.run(SETTLE_MS);
  one.own.push(...one.reflexive);
  const [first, other] = one.reflexive.filter(({ ip }) => !isV6(ip));
  // Type 4 of §5.2: where the port varies, perhaps somebody set up a forward.
  if (first !== undefined && other !== undefined && first.port !== other.port)
    one.own.push({ ip: first.ip, port: one.sockets[4].port });
}

function heard(one: Party, from: SockAddr, kind: number | undefined): void {
  if (kind === PONG) {
    one.hasPong = true;
    return;
  }
  one.known.set(textOf(from), from);
  send(one, from, PONG);
}

function send(one: Party, to: SockAddr, kind: number): void {
  if (isForbidden(to)) return;
  one.sockets[isV6(to.ip) ? 6 : 4].send(to, Uint8Array.of(kind));
}

const textOf = ({ ip, port }: SockAddr): string => `${ip} ${port}`;
