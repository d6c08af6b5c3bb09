/** The `relay` part of the configuration: the relay inside the server. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type ListenAddress, parseListen } from './listen-address.ts';

const text = z.string().min(1).max(4_096);
const port = z.int().min(0).max(65_535);
export const relaySettings = z.strictObject({
  /** Default: on, unless other relays are configured. */
  enabled: z.boolean().optional(),
  regionId: z.int().min(1).max(9_999).optional(),
  regionCode: text.max(64).optional(),
  regionName: text.max(256).optional(),
  /** A TLS listener of its own, with a certificate that the relay map names by its hash. */
  listen: text.optional(),
  /** Under which machines reach it, when that differs. */
  host: text.max(253).optional(),
  port: port.min(1).optional(),
  ipv4: text.max(45).optional(),
  ipv6: text.max(45).optional(),
  /** UDP; the first belongs to the region, each further one to a region for address checks; none = no STUN. */
  stunPorts: z.array(port).max(8).optional(),
  stunGeneric: z.boolean().optional(),
  /** Only machines of this network may use it. */
  verifyClients: z.boolean().optional(),
});

/** What is undefined is chosen to fit the server (see src-control/relay/plan.ts). */
export interface RelayConfig {
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  readonly listen: ListenAddress | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly stunPorts: readonly number[] | undefined;
  readonly answersGenericStun: boolean;
  readonly verifiesClients: boolean;
}

/** `hasOthers`: there are relays elsewhere, so that this one is wanted only where it is named. */
export function relayConfig(
  given: z.output<typeof relaySettings> | undefined,
  hasOthers: boolean,
): RelayConfig | undefined {
  const relay = given ?? {};
  if (!(relay.enabled ?? (given !== undefined || !hasOthers))) return undefined;
  return {
    regionId: relay.regionId ?? 999,
    regionCode: relay.regionCode ?? 'rhumb',
    regionName: relay.regionName ?? 'Embedded relay',
    listen: relay.listen === undefined ? undefined : parseListen(relay.listen),
    host: relay.host === undefined ? undefined : parseRelayHost(relay.host),
    port: relay.port,
    ipv4: parseFamily(relay.ipv4, 4),
    ipv6: parseFamily(relay.ipv6, 6),
    stunPorts: relay.stunPorts,
    answersGenericStun: relay.stunGeneric ?? true,
    verifiesClients: relay.verifyClients ?? true,
  };
}

function parseRelayHost(value: string): string {
  if (isIP(value) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value))
    throw new RhumbError('bad-argument', `relay.host: "${value}" is not a host name or an address`);
  return value;
}

/** An address, or `none` to keep clients from that family. */
function parseFamily(value: string | undefined, family: 4 | 6): string | undefined {
  if (value !== undefined && value !== 'none' && isIP(value) !== family)
    throw new RhumbError(
      'bad-argument',
      `relay.ipv${family}: "${value}" is neither an IPv${family} address nor none`,
    );
  return value;
}
