/** Reads what `ip` prints: JSON about an interface, routes and rules, and which line of a batch failed and why. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { canonicalPrefix, isIpv6, type KernelState, type RouteTo, type RuleHere } from './plan.ts';

/** Marks our routes and rules in the kernel, so that ours can be told from others' after a crash too (proto 82). */
export const ROUTE_PROTOCOL = 82;

const MAX_LIST = 1_000_000;
const links = z
  .array(
    z.looseObject({
      ifindex: z.int().optional(),
      mtu: z.int(),
      flags: z.array(z.string()),
      addr_info: z
        .array(
          z.looseObject({
            local: z.string().optional(),
            prefixlen: z.int().optional(),
            scope: z.string().optional(),
          }),
        )
        .max(MAX_LIST)
        .default([]),
    }),
  )
  .max(1);
const protocol = z.union([z.string(), z.int()]).optional();
const routes = z
  .array(
    z.looseObject({
      dst: z.string().optional(),
      type: z.string().optional(),
      dev: z.string().optional(),
      protocol,
    }),
  )
  .max(MAX_LIST);
const rules = z
  .array(
    z.looseObject({
      priority: z.int(),
      fwmark: z.string().optional(),
      fwmask: z.string().optional(),
      table: z.string().optional(),
      action: z.string().optional(),
      src: z.string().optional(),
      srclen: z.int().optional(),
      protocol,
    }),
  )
  .max(MAX_LIST);

/** From `ip -j addr show dev …`; undefined when there is no such interface. Link-local addresses are the kernel's. */
export function readLink(
  text: string,
): (Omit<KernelState, 'routes' | 'rules'> & { readonly index: number | undefined }) | undefined {
  const [link] = parse(links, text, 'ip addr show');
  if (link === undefined) return undefined;
  const addresses = link.addr_info
    .filter(({ local, scope }) => local !== undefined && scope !== 'link')
    .map(({ local, prefixlen }) => `${local}/${prefixlen ?? (local?.includes(':') ? 128 : 32)}`);
  return {
    isUp: link.flags.includes('UP'),
    mtu: link.mtu,
    addresses: new Set(addresses),
    index: link.ifindex,
  };
}

export interface TableRoutes {
  readonly ours: ReadonlyMap<string, RouteTo>;
  /** Somebody else uses the table as well. */
  readonly hasOthers: boolean;
}

/** Our own routes, from `ip -j route show table 52` of one family: into this tunnel, or out of the table. */
export function readRoutes(text: string, family: 4 | 6, tunName: string): TableRoutes {
  const all = family === 4 ? '0.0.0.0/0' : '::/0';
  const ours = new Map<string, RouteTo>();
  let hasOthers = false;
  for (const route of parse(routes, text, 'ip route show')) {
    const to = route.type === 'throw' ? 'throw' : route.dev === tunName ? 'tunnel' : undefined;
    const { dst = 'default' } = route;
    const prefix = canonicalPrefix(dst === 'default' ? all : dst);
    if (
      to !== undefined &&
      String(route.protocol) === String(ROUTE_PROTOCOL) &&
      isIpv6(prefix) === (family === 6)
    )
      ours.set(prefix, to);
    else hasOthers = true;
  }
  return { ours, hasOthers };
}

const KNOWN_KEYS = new Set([
  ...['priority', 'src', 'srclen', 'not', 'fwmark', 'fwmask', 'table', 'action', 'protocol'],
]);

/** From `ip -j rule show` of one family. */
export function readRules(text: string, family: 4 | 6): RuleHere[] {
  return parse(rules, text, 'ip rule show').map((rule) => {
    const mark = rule.fwmark === undefined ? '' : `fwmark ${rule.fwmark}`;
    const mask = rule.fwmask === undefined ? '' : `/${rule.fwmask}`;
    // Printed as a key without a value.
    const not = 'not' in rule ? 'not ' : '';
    const from = rule.src === undefined || rule.src === 'all' ? '' : `from ${rule.src}/${rule.srclen ?? ''} `;
    // Whatever else narrows it makes it another rule than ours.
    const more = Object.keys(rule).filter((key) => !KNOWN_KEYS.has(key));
    return {
      family,
      priority: rule.priority,
      selector: [`${not}${from}${mark}${mask}`.trim(), ...more].filter((part) => part !== '').join(' '),
      action: rule.action ?? `lookup ${rule.table ?? ''}`,
      isOurs: String(rule.protocol) === String(ROUTE_PROTOCOL),
    };
  });
}

/** Reason per failed line (from 0) of `ip -force -batch -`: messages, then `Command failed -:<line>`. */
export function readFailures(stderr: string): Map<number, string> {
  const failures = new Map<number, string>();
  let reasons: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line.trim());
    if (failed !== null) {
      failures.set(Number(failed[1]) - 1, reasons.join('; '));
      reasons = [];
    } else if (line.trim() !== '') reasons.push(line.trim().replace(/^(RTNETLINK answers|Error): /, ''));
  }
  return failures;
}

function parse<T>(schema: z.ZodType<T>, text: string, what: string): T {
  // `ip -j` prints nothing at all for an empty list.
  if (text.trim() === '') return schema.parse([]);
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RhumbError('protocol', `${what}: can't read its output; is iproute2 older than 4.17?`, {
      cause,
    });
  }
}
