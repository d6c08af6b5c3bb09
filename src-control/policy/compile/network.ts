/** The machines and people that a policy is about, as the compiler sees them: plain data, handed in. */
import type { Attributes } from '../language/condition.ts';
import { type Addr, type Cidr, cidrsOverlap, type RangeSet, setOfAddrs } from '../sets/ranges.ts';

export interface PolicyUser {
  readonly id: number;
  readonly name: string;
  /** A verified address, or empty. */
  readonly email: string;
  /** `issuer/subject` of the identity provider, or empty. */
  readonly providerId: string;
  /** Without `autogroup:`: owner, admin, it-admin, … */
  readonly roles: readonly string[];
  /** Groups that the identity provider says the user is in. */
  readonly providerGroups: readonly string[];
}

export interface PolicyNode {
  readonly id: number;
  readonly name: string;
  readonly hostname: string;
  /** Undefined for tagged machines, which have no owner. */
  readonly userId: number | undefined;
  readonly tags: readonly string[];
  readonly ipv4: Addr | undefined;
  readonly ipv6: Addr | undefined;
  readonly announced: readonly Cidr[];
  readonly approved: readonly Cidr[];
  readonly isOnline: boolean;
  readonly isHealthy: boolean;
  /** Says that it would be an app connector. */
  readonly offersApps: boolean;
  /** For postures. */
  readonly attributes: Attributes;
}

export interface PolicyNetwork {
  readonly users: readonly PolicyUser[];
  readonly nodes: readonly PolicyNode[];
}

/** A machine with what follows from it. */
export interface Machine extends PolicyNode {
  /** Its place in the network: dense, for bit sets. */
  readonly index: number;
  /** IPv4 first. */
  readonly addrs: readonly Addr[];
  readonly addrSet: RangeSet;
  readonly isTagged: boolean;
  /** Announced and approved. */
  readonly subnetRoutes: readonly Cidr[];
  readonly exitRoutes: readonly Cidr[];
  readonly isExit: boolean;
  /** The policy names it as a connector of some app, and it is one. */
  readonly isConnector: boolean;
  /** Leads to the internet, or to some of it: rules about the internet concern it. */
  readonly isGateway: boolean;
}

export const isExitRoute = (route: Cidr): boolean => route.bits === 0;

export function machineOf(node: PolicyNode, index: number, hasIpv4 = true): Machine {
  const approved = new Set(node.approved.map(({ text }) => text));
  const active = node.announced.filter(({ text }) => approved.has(text));
  const exitRoutes = active.filter(isExitRoute);
  const addrs = [hasIpv4 ? node.ipv4 : undefined, node.ipv6].filter((addr) => addr !== undefined);
  return {
    ...node,
    index,
    addrs,
    addrSet: setOfAddrs(addrs),
    isTagged: node.tags.length > 0,
    subnetRoutes: active.filter((route) => !isExitRoute(route)),
    exitRoutes,
    isExit: exitRoutes.length > 0,
    isConnector: false,
    isGateway: exitRoutes.length > 0,
  };
}

export const asConnector = (machine: Machine): Machine => ({
  ...machine,
  isConnector: true,
  isGateway: true,
});

export const overlapsSubnet = (machine: Machine, cidr: Cidr): boolean =>
  machine.subnetRoutes.some((route) => cidrsOverlap(route, cidr));
