/** Reads what `ip` prints: JSON about an interface, and which line of a batch failed and why. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { canonicalPrefix, type InterfaceState, isIpv6 } from './plan.ts';

/** Marks our routes in the kernel, so that ours can be told from others' after a crash too (`ip route`: proto 82). */
export const ROUTE_PROTOCOL = 82;

const MAX_LIST = 1_000_000;
const links = z
  .array(
    z.looseObject({
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
const routes = z
  .array(z.looseObject({ dst: z.string().optional(), protocol: z.union([z.string(), z.int()]).optional() }))
  .max(MAX_LIST);

/** From `ip -j addr show dev …`; undefined when there is no such interface. Link-local addresses are the kernel's. */
export function readLink(text: string): Omit<InterfaceState, 'routes'> | undefined {
  const [link] = parse(links, text, 'ip addr show');
  if (link === undefined) return undefined;
  const addresses = link.addr_info
    .filter(({ local, scope }) => local !== undefined && scope !== 'link')
    .map(({ local, prefixlen }) => `${local}/${prefixlen ?? (local?.includes(':') ? 128 : 32)}`);
  return { isUp: link.flags.includes('UP'), mtu: link.mtu, addresses };
}

/** Our own routes, from `ip -j route show dev …` of one family. */
export function readRoutes(text: string, family: 4 | 6): string[] {
  const all = family === 4 ? '0.0.0.0/0' : '::/0';
  return parse(routes, text, 'ip route show')
    .filter(({ protocol }) => String(protocol) === String(ROUTE_PROTOCOL))
    .map(({ dst }) => canonicalPrefix(dst === undefined || dst === 'default' ? all : dst))
    .filter((prefix) => isIpv6(prefix) === (family === 6));
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
