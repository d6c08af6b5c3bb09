/** What the plain WireGuard peer made of our engine (programs/wg-peer.ts) is told, and what it tells. */
import { z } from 'zod';

const key = z.base64().length(44);

export const wgConfig = z.strictObject({
  tun: z.string().min(1).max(15),
  port: z.int().min(0).max(65_535),
  mtu: z.int().min(1_280).max(9_000),
  privateKey: key,
  addresses: z.array(z.string()).max(16),
  /** Congestion marks pass through the tunnel (RFC 6040). */
  ecn: z.boolean().optional(),
  peers: z
    .array(
      z.strictObject({
        publicKey: key,
        presharedKey: key.optional(),
        /** `address:port`; without it the peer must speak first. */
        endpoint: z.string().optional(),
        allowedIps: z.array(z.string()).max(64),
        keepaliveSeconds: z.int().min(0).max(65_535).optional(),
      }),
    )
    .max(64),
});

/** One line of JSON a second from the program, with one entry for each peer, in the order of the configuration. */
export const wgReport = z.object({
  peers: z.array(
    z.object({ lastHandshakeAt: z.number().optional(), rxBytes: z.number(), txBytes: z.number() }),
  ),
  /** Of the engine. */
  stats: z.record(z.string(), z.number()),
});
export type WgReport = z.infer<typeof wgReport>;
