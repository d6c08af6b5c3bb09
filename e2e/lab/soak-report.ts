/** What each of the two machines of a soak (programs/engine-soak.ts) is told, and what it tells. */
import { z } from 'zod';

const key = z.base64().length(44);

export const soakConfig = z.strictObject({
  tun: z.string().min(1).max(15),
  mtu: z.int(),
  port: z.int(),
  relayPort: z.int(),
  privateKey: key,
  friendKey: key,
  address: z.ipv4(),
  friendAddress: z.ipv4(),
  /** The other machine's address on the wire. */
  friend: z.ipv4(),
  /** When keys are renewed for the first time, and how often. */
  renewFirstMs: z.int(),
  renewMs: z.int(),
});
export type SoakConfig = z.infer<typeof soakConfig>;

export const soakReport = z.object({
  resources: z.object({
    rss: z.number(),
    heapUsed: z.number(),
    external: z.number(),
    threads: z.number(),
    descriptors: z.number(),
  }),
  renewals: z.number(),
  /** Devices and sockets that are gone; there must be none. */
  devices: z.array(z.string()),
  stats: z.record(z.string(), z.number()),
});
export type SoakReport = z.infer<typeof soakReport>;
