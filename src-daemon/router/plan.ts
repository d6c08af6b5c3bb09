/** From what the kernel shall hold for the tunnel and what it holds: the operations between, adding before taking away. */
import { RhumbError } from '#shared/errors.ts';
import { formatPrefix, maskPrefix, type Prefix, parsePrefix } from '#shared/ip/address.ts';
import { type PolicyRule, ruleKey } from './policy.ts';
import type { RouterConfig } from './types.ts';

/** Into the tunnel, or on to the next table as if there were no route here. */
export type RouteTo = 'tunnel' | 'throw';

export interface RuleHere extends PolicyRule {
  readonly family: 4 | 6;
  /** It carries our protocol number. */
  readonly isOurs: boolean;
}

/** What the kernel holds now. Addresses and routes of others, the kernel's own included, are not listed. */
export interface KernelState {
  readonly isUp: boolean;
  readonly mtu: number;
  /** Canonical `ip/bits`. */
  readonly addresses: ReadonlySet<string>;
  /** In our table, by canonical prefix. */
  readonly routes: ReadonlyMap<string, RouteTo>;
  /** All of them: those of others may be as good. */
  readonly rules: readonly RuleHere[];
}

export type RouterOp =
  | { readonly op: 'mtu'; readonly mtu: number }
  | { readonly op: 'up' }
  | { readonly op: 'down' }
  | { readonly op: 'address-add' | 'address-del'; readonly prefix: string }
  | {
      readonly op: 'route-add' | 'route-del' | 'route-replace';
      readonly prefix: string;
      readonly to: RouteTo;
    }
  | { readonly op: 'rule-add' | 'rule-del'; readonly family: 4 | 6; readonly rule: PolicyRule };

export interface Wanted {
  readonly addresses: ReadonlySet<string>;
  readonly mtu: number;
  readonly routes: ReadonlyMap<string, RouteTo>;
  readonly rules: readonly PolicyRule[];
  readonly hasIpv6: boolean;
  /** Asked for, but the host has no IPv6. */
  readonly withoutIpv6: readonly string[];
}

/** Checked and in canonical form. A prefix that is both in the tunnel and kept out of it is in the tunnel. */
export function wantedOf(
  config: Pick<RouterConfig, 'addresses' | 'mtu' | 'routes' | 'localRoutes'>,
  rules: readonly PolicyRule[],
  hasIpv6: boolean,
): Wanted {
  const withoutIpv6: string[] = [];
  const usable = (prefix: string): boolean => {
    if (hasIpv6 || !isIpv6(prefix)) return true;
    withoutIpv6.push(prefix);
    return false;
  };
  const addresses = new Set(config.addresses.map(hostPrefix).filter(usable));
  const routes = new Map<string, RouteTo>();
  for (const text of config.localRoutes) routes.set(canonicalPrefix(text), 'throw');
  for (const text of config.routes) routes.set(canonicalPrefix(text), 'tunnel');
  for (const prefix of routes.keys()) if (!usable(prefix)) routes.delete(prefix);
  return { addresses, mtu: config.mtu, routes, rules, hasIpv6, withoutIpv6 };
}

/**
 * The link comes first, because routes need it up and IPv6 needs its MTU; rules come before routes, so that the daemon's
 * own packets stay outside from the first one on, and what is kept out of the tunnel before what is sent into it; new
 * addresses come before old ones go, so that connections survive the change.
 */
export function plan(wanted: Wanted, current: KernelState): readonly RouterOp[] {
  const ops: RouterOp[] = [];
  if (current.mtu !== wanted.mtu) ops.push({ op: 'mtu', mtu: wanted.mtu });
  for (const prefix of wanted.addresses)
    if (!current.addresses.has(prefix)) ops.push({ op: 'address-add', prefix });
  if (!current.isUp) ops.push({ op: 'up' });
  const rules = ruleOps(wanted, current);
  ops.push(...rules.filter(({ op }) => op === 'rule-add'));
  const routes = routeOps(wanted.routes, current.routes);
  const order = { throw: 0, tunnel: 1 };
  ops.push(...routes.filter(({ op }) => op !== 'route-del').sort((a, b) => order[a.to] - order[b.to]));
  // What leaves the tunnel goes before the exception to it.
  ops.push(...routes.filter(({ op }) => op === 'route-del').sort((a, b) => order[b.to] - order[a.to]));
  ops.push(...rules.filter(({ op }) => op === 'rule-del'));
  for (const prefix of current.addresses)
    if (!wanted.addresses.has(prefix)) ops.push({ op: 'address-del', prefix });
  return ops;
}

type RouteOp = Extract<RouterOp, { readonly to: RouteTo }>;
type RuleOp = Extract<RouterOp, { readonly rule: PolicyRule }>;

function routeOps(
  wanted: ReadonlyMap<string, RouteTo>,
  current: ReadonlyMap<string, RouteTo>,
): readonly RouteOp[] {
  const ops: RouteOp[] = [];
  for (const [prefix, to] of wanted) {
    const now = current.get(prefix);
    if (now === to) continue;
    ops.push({ op: now === undefined ? 'route-add' : 'route-replace', prefix, to });
  }
  for (const [prefix, to] of current) if (!wanted.has(prefix)) ops.push({ op: 'route-del', prefix, to });
  return ops;
}

function ruleOps(wanted: Wanted, current: KernelState): readonly RuleOp[] {
  const ops: RuleOp[] = [];
  const keys = new Set(wanted.rules.map(ruleKey));
  for (const family of wanted.hasIpv6 ? ([4, 6] as const) : ([4] as const)) {
    const here = current.rules.filter((rule) => rule.family === family);
    const known = new Set(here.map(ruleKey));
    for (const rule of wanted.rules)
      if (!known.has(ruleKey(rule))) ops.push({ op: 'rule-add', family, rule });
    for (const rule of here)
      if (rule.isOurs && !keys.has(ruleKey(rule))) ops.push({ op: 'rule-del', family, rule });
  }
  return ops;
}

/** The state after these operations; wrong where the kernel refused one. */
export function performed(state: KernelState, ops: readonly RouterOp[]): KernelState {
  const addresses = new Set(state.addresses);
  const routes = new Map(state.routes);
  let { isUp, mtu, rules } = state;
  for (const op of ops) {
    switch (op.op) {
      case 'mtu':
        mtu = op.mtu;
        break;
      case 'up':
      case 'down':
        isUp = op.op === 'up';
        break;
      case 'address-add':
        addresses.add(op.prefix);
        break;
      case 'address-del':
        addresses.delete(op.prefix);
        break;
      case 'route-add':
      case 'route-replace':
        routes.set(op.prefix, op.to);
        break;
      case 'route-del':
        routes.delete(op.prefix);
        break;
      case 'rule-add':
        rules = [...rules, { ...op.rule, family: op.family, isOurs: true }];
        break;
      case 'rule-del':
        rules = rules.filter(
          (rule) => rule.family !== op.family || !rule.isOurs || ruleKey(rule) !== ruleKey(op.rule),
        );
        break;
      default:
        op satisfies never;
    }
  }
  return { isUp, mtu, addresses, routes, rules };
}

/** Host bits cleared, canonical text. */
export function canonicalPrefix(text: string): string {
  return formatPrefix(maskPrefix(parsed(text)));
}

/** An address on the interface keeps its host bits; it always stands alone (/32, /128), routes say the rest. */
export function hostPrefix(text: string): string {
  const { ip } = parsed(text);
  return formatPrefix({ ip, bits: ip.length * 8 });
}

export const isIpv6 = (prefix: string): boolean => prefix.includes(':');

function parsed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RhumbError('bad-argument', `not an address or prefix: ${text}`);
  return prefix;
}
