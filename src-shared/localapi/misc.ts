/** Smaller replies of the local API: ping, whois, profiles (localapi-and-daemon.md §2.5, §2.8). */
import { z } from 'zod';
import type { Frozen } from '../frozen.ts';
import { type Node, node } from '../wire/node.ts';
import { encodeNode } from './node.ts';
import { bool, float, int, record, str } from './read.ts';
import { encodeFields, type Fields, keep, omitEmpty } from './struct.ts';
import { encodeUserProfile, type UserProfile, userProfile } from './user.ts';

export const PING_KINDS = ['disco', 'TSMP', 'ICMP', 'peerapi'] as const;
export type PingKind = (typeof PING_KINDS)[number];

/** Reads `type` of a ping; the official daemon compares exactly. */
export const parsePingKind = (raw: string): PingKind | undefined => PING_KINDS.find((kind) => kind === raw);

const pingResultShape = z.object({
  IP: str,
  NodeIP: str,
  NodeName: str,
  Err: str,
  LatencySeconds: float,
  /** Of Endpoint, PeerRelay and DERPRegionID a disco reply has exactly one; TSMP and ICMP replies have none. */
  Endpoint: str,
  PeerRelay: str,
  DERPRegionID: int,
  DERPRegionCode: str,
  PeerAPIPort: int,
  PeerAPIURL: str,
  IsLocalIP: bool,
});
export type PingResult = Frozen<z.infer<typeof pingResultShape>>;
export const pingResult: z.ZodType<PingResult> = pingResultShape;

export const NO_PING: PingResult = pingResult.parse({});

const emitPing: Fields<PingResult> = {
  IP: keep,
  NodeIP: keep,
  NodeName: keep,
  Err: keep,
  LatencySeconds: keep,
  Endpoint: keep,
  PeerRelay: keep,
  DERPRegionID: keep,
  DERPRegionCode: keep,
  PeerAPIPort: omitEmpty,
  PeerAPIURL: omitEmpty,
  IsLocalIP: omitEmpty,
};
export const encodePingResult = (value: PingResult): Record<string, unknown> => encodeFields(emitPing, value);

const whoIsShape = z.object({
  Node: node,
  UserProfile: userProfile,
  /** Capabilities that the packet filter grants the node towards us. */
  CapMap: record(z.array(z.unknown()).nullable()),
});
export interface WhoIsResponse {
  readonly Node: Node;
  readonly UserProfile: UserProfile;
  readonly CapMap: Readonly<Record<string, readonly unknown[] | null>> | undefined;
}
export const whoIsResponse: z.ZodType<WhoIsResponse> = whoIsShape;

export const encodeWhoIs = (value: WhoIsResponse): Record<string, unknown> => ({
  Node: encodeNode(value.Node),
  UserProfile: encodeUserProfile(value.UserProfile),
  CapMap: keep(value.CapMap),
});

/** `check-ip-forwarding` and `check-udp-gro-forwarding`: '' when all is well. */
export const warningReply = z.object({ Warning: str });
