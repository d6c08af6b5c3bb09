/** The JSON of the server's answers, as much of it as the console shows; bounded, and what is not named here is dropped. */
import { z } from 'zod/mini';

export const text = (max = 4_096) => z.string().check(z.maxLength(max));
export const list = <T extends z.core.SomeType>(item: T, max = 10_000) =>
  z.array(item).check(z.maxLength(max));
/** RFC 3339. */
const time = text(64);
const maybeTime = z.nullable(time);
/** What a server may leave out. */
const flag = z._default(z.boolean(), false);
const texts = (max = 1_000) => z._default(list(text(512), max), []);

export const user = z.object({
  id: z.int(),
  name: text(256),
  display_name: text(512),
  email: z.nullable(text(512)),
  provider: text(256),
  profile_pic_url: text(2_048),
  groups: list(text(512), 10_000),
  role: text(32),
  approved: z.boolean(),
  suspended: z.boolean(),
  last_login_at: maybeTime,
  created_at: time,
});
export type User = z.infer<typeof user>;

export const node = z.object({
  id: z.int(),
  name: text(256),
  hostname: text(256),
  fqdn: text(512),
  machine_key: text(128),
  node_key: text(128),
  disco_key: z.nullable(text(128)),
  ip_addresses: list(text(64), 8),
  user: z.nullable(user),
  tags: texts(),
  register_method: text(64),
  ephemeral: z.boolean(),
  online: z.boolean(),
  expired: z.boolean(),
  expiry: maybeTime,
  last_seen: maybeTime,
  created_at: time,
  os: text(128),
  client_version: text(256),
  endpoints: list(text(128), 256),
  // From here on what only newer servers say.
  os_version: z._default(text(256), ''),
  created_by: z._default(text(256), ''),
  approved: z._default(z.boolean(), true),
  disabled: flag,
  key_expiry_disabled: flag,
  available_routes: texts(2_048),
  approved_routes: texts(2_048),
  subnet_routes: texts(2_048),
  exit_node: flag,
  route_priority: z._default(z.nullable(z.int()), null),
  home_derp: z._default(z.int(), 0),
  latency: z._default(z.record(text(64), z.number()), {}),
  attributes: z._default(
    z.record(
      text(128),
      z.object({
        value: z.union([text(4_096), z.number(), z.boolean()]),
        expires_at: z._default(maybeTime, null),
        comment: z._default(text(1_024), ''),
      }),
    ),
    {},
  ),
});
export type Node = z.infer<typeof node>;

export const pending = z.object({
  id: text(256),
  name: text(256),
  os: text(128),
  address: text(128),
  key: text(128),
  url: text(2_048),
  created_at: time,
});
export type Pending = z.infer<typeof pending>;

export const authKey = z.object({
  id: z.int(),
  key: text(256),
  user: z.nullable(user),
  reusable: z.boolean(),
  ephemeral: z.boolean(),
  used: z.boolean(),
  expiration: maybeTime,
  expired: z.boolean(),
  created_at: time,
  tags: texts(),
  preapproved: flag,
  max_uses: z._default(z.nullable(z.int()), null),
  use_count: z._default(z.int(), 0),
  revoked: flag,
  description: z._default(text(1_024), ''),
  created_by: z._default(text(256), ''),
});
export type AuthKey = z.infer<typeof authKey>;
