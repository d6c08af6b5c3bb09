/** A network map as JSON text and back, so that the last one survives a restart without the control server. */
import { z } from 'zod';
import { clientVersion } from '#shared/localapi/status.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { derpMap, dnsConfig, filterRule } from '#shared/wire/map.ts';
import { node, userProfile } from '#shared/wire/node.ts';
import { formatTime, machineKey, maybe, nodeKey } from '#shared/wire/scalars.ts';
import { OverlayMap } from './overlay-map.ts';
import type { NetworkMap } from './types.ts';

/** Other versions are not read: the map comes again from the server. */
const VERSION = 1;
const MAX_NODES = 1_000_000;
const text = z.string().max(64 * 1_024);

const cached = z.object({
  version: z.literal(VERSION),
  self: node,
  nodeKey,
  machineKey,
  peers: z.array(node).max(MAX_NODES),
  users: z.array(userProfile).max(MAX_NODES),
  dns: maybe(dnsConfig),
  derpMap: maybe(derpMap),
  domain: text,
  filter: maybe(z.array(filterRule).max(1_000_000)),
  sshPolicy: z.unknown().optional(),
  collectServices: maybe(z.boolean()),
  health: z.array(text).max(256),
  displayMessages: z
    .array(
      z.object({
        id: text,
        title: text,
        text,
        severity: text,
        impactsConnectivity: maybe(z.boolean()),
        action: maybe(z.object({ url: text, label: text })),
      }),
    )
    .max(1_024),
  clientVersion: maybe(clientVersion),
  clockSkewMs: z.number(),
});

/** Times go back into their wire form, so that the wire's own schemas read the nodes again. */
const TIMES = new Set(['KeyExpiry', 'Created', 'LastSeen']);

const toWire = (value: object): object =>
  Object.fromEntries(
    Object.entries(value).map(([name, item]) =>
      TIMES.has(name) && typeof item === 'number' ? [name, formatTime(item)] : [name, item],
    ),
  );

export function encodeNetworkMap(map: NetworkMap): string {
  return stringifyJson({
    ...map,
    version: VERSION,
    self: toWire(map.self),
    peers: [...map.peers.values()].map(toWire),
    users: [...map.users.values()],
    displayMessages: [...map.displayMessages].map(([id, message]) => ({ id, ...message })),
  });
}

/** Undefined for anything that is not a whole map of this version: half a file, another version, rubbish. */
export function decodeNetworkMap(json: string): NetworkMap | undefined {
  const parsed = cached.safeParse(jsonOrUndefined(json));
  if (!parsed.success) return undefined;
  const { version: _version, nodeKey: ownKey, machineKey: ownMachine, ...rest } = parsed.data;
  if (ownKey === undefined || ownMachine === undefined) return undefined;
  return {
    ...rest,
    sshPolicy: rest.sshPolicy,
    nodeKey: ownKey,
    machineKey: ownMachine,
    peers: OverlayMap.from(rest.peers.map((peer) => [String(peer.ID), peer] as const)),
    users: OverlayMap.from(rest.users.map((user) => [String(user.ID), user] as const)),
    displayMessages: new Map(rest.displayMessages.map(({ id, ...message }) => [id, message] as const)),
  };
}

function jsonOrUndefined(json: string): unknown {
  try {
    return parseJson(json);
  } catch {
    return undefined; // half a file: the schema refuses it like any other damage
  }
}
