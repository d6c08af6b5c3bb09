/** Services of the network as this machine's own node lists them (localapi-and-daemon.md §2.1). */
import { z } from 'zod';
import type { Node } from '#shared/wire/node.ts';

const PREFIX = 'services/';

const service = z.looseObject({
  Name: z.string().min(1).max(256),
  DisplayName: z.string().max(1_024).optional(),
  Addrs: z.array(z.string().max(64)).max(64).nullish(),
  Ports: z.array(z.string().max(64)).max(1_024).nullish(),
  Actions: z.array(z.unknown()).max(256).nullish(),
});

/** By name. What follows the prefix of an attribute means nothing: the name is inside. */
export function servicesOf(self: Node): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(self.CapMap ?? {})) {
    if (!name.startsWith(PREFIX)) continue;
    const parsed = service.safeParse(values?.[0]);
    if (!parsed.success) continue; // a service that is described wrongly is none
    const { Name, DisplayName, Addrs, Ports, Actions } = parsed.data;
    found[Name] = {
      Name,
      ...(DisplayName !== undefined && DisplayName !== '' && { DisplayName }),
      ...(Addrs !== undefined && Addrs !== null && Addrs.length > 0 && { Addrs }),
      ...(Ports !== undefined && Ports !== null && Ports.length > 0 && { Ports }),
      ...(Actions !== undefined && Actions !== null && { Actions }),
    };
  }
  return found;
}
