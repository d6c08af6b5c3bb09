/** The JSON of the server's answers, as much of it as the console shows; bounded, and what is not named here is dropped. */
import { z } from 'zod/mini';

export const text = (max = 4_096) => z.string().check(z.maxLength(max));
export const list = <T extends z.core.SomeType>(item: T, max = 10_000) =>
  z.array(item).check(z.maxLength(max));
const MANY = 100_000;
/** RFC 3339. */
const time = text(64);
const maybeTime = z.nullable(time);
/** What a server may leave out. */
const flag = z._default(z.boolean(), false);
const texts = (max = 1_000) => z._default(list(text(512), max), []);

export const ROLES = ['owner', 'admin', 'it-admin', 'network-admin', 'auditor', 'member'] as const;
export type Role = (typeof ROLES)[number];

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
  user,
  tags: list(text(512), 1_000),
  reusable: z.boolean(),
  ephemeral: z.boolean(),
  preapproved: z.boolean(),
  max_uses: z.nullable(z.int()),
  uses: z.int(),
  used: z.boolean(),
  expiration: maybeTime,
  expired: z.boolean(),
  revoked: z.boolean(),
  valid: z.boolean(),
  description: text(1_024),
  created_at: time,
  created_by: text(256),
});
export type AuthKey = z.infer<typeof authKey>;

export const apiKey = z.object({
  id: z.int(),
  key: text(256),
  user: z.nullable(text(256)),
  scopes: list(text(128), 100),
  description: text(1_024),
  expiration: maybeTime,
  valid: z.boolean(),
  last_used_at: maybeTime,
  created_at: time,
  created_by: text(256),
});
export type ApiKey = z.infer<typeof apiKey>;

export const oauthClient = z.object({
  id: z.int(),
  client_id: text(256),
  secret: text(256),
  scopes: list(text(128), 100),
  tags: list(text(512), 1_000),
  description: text(1_024),
  valid: z.boolean(),
  last_used_at: maybeTime,
  created_at: time,
  created_by: text(256),
});
export type OauthClient = z.infer<typeof oauthClient>;

const nameserver = z.object({ address: text(2_048), use_with_exit_node: z.boolean() });
export type Nameserver = z.infer<typeof nameserver>;

export const dnsSettings = z.object({
  base_domain: text(256),
  magic_dns: z.boolean(),
  override_local_dns: z.boolean(),
  nameservers: list(nameserver, 1_000),
  split_dns: z.record(text(256), list(nameserver, 1_000)),
  search_domains: list(text(256), 1_000),
  https: z.boolean(),
  https_possible: z.boolean(),
  responder: z.nullable(text(256)),
  changed: list(text(64), 64),
  records_file: z.nullable(
    z.object({ path: text(4_096), records: z.int(), problem: z.nullable(text(4_096)) }),
  ),
  warnings: list(text(4_096), 1_000),
});
export type DnsSettings = z.infer<typeof dnsSettings>;

export const dnsRecord = z.object({
  id: z.nullable(z.int()),
  name: text(256),
  type: text(16),
  value: text(4_096),
  comment: text(1_024),
  source: z.enum(['config', 'file', 'api']),
  created_at: maybeTime,
});
export type DnsRecord = z.infer<typeof dnsRecord>;

const relayHost = z.object({
  Name: text(256),
  HostName: text(512),
  IPv4: z.nullish(text(64)),
  IPv6: z.nullish(text(64)),
  STUNPort: z.nullish(z.int()),
  STUNOnly: z.nullish(z.boolean()),
  DERPPort: z.nullish(z.int()),
});

export const relayMap = z.object({
  Regions: z.nullish(
    z.record(
      text(16),
      z.nullable(
        z.object({
          RegionID: z.int(),
          RegionCode: text(64),
          RegionName: text(256),
          Avoid: z.nullish(z.boolean()),
          Nodes: z.nullish(list(relayHost, 1_024)),
        }),
      ),
    ),
  ),
});

export const route = z.object({
  prefix: text(64),
  node: z.int(),
  name: text(256),
  announced: z.boolean(),
  approved: z.boolean(),
  primary: z.boolean(),
  online: z.boolean(),
  healthy: z._default(z.nullable(z.boolean()), null),
  priority: z._default(z.nullable(z.int()), null),
});
export type Route = z.infer<typeof route>;

export const settings = z.object({
  devices_approval: z.boolean(),
  users_approval: z.boolean(),
  devices_key_duration_days: z.nullable(z.int()),
  policy_managed_elsewhere: z.boolean(),
  policy_link: text(2_048),
});
export type Settings = z.infer<typeof settings>;

export const adminCode = z.object({ code: text(256), user, expiration: time });

export const auditVerdict = z.object({
  ok: z.boolean(),
  rows: z.int(),
  head: text(128),
  problem: z.nullable(text(4_096)),
});

export const auditEvent = z.object({
  seq: z.int(),
  eventTime: time,
  origin: text(64),
  actor: z.object({ id: text(256), type: text(64), loginName: text(512), displayName: text(512) }),
  target: z.object({ id: text(512), name: text(1_024), type: text(64), property: z.optional(text(256)) }),
  action: text(128),
  old: z.optional(z.string()),
  new: z.optional(z.string()),
  actionDetails: z.optional(z.string()),
  remoteAddr: z.optional(text(128)),
});
export type AuditEvent = z.infer<typeof auditEvent>;
export const auditPage = z.object({ events: list(auditEvent, 1_000), next: z.nullable(z.int()) });

/** The policy itself may be a megabyte. */
const policySource = text(8 << 20);

export const policyVersion = z.object({
  id: z.int(),
  etag: text(128),
  author: text(512),
  comment: text(1_024),
  created_at: maybeTime,
  bytes: z.int(),
  active: z.boolean(),
});
export type PolicyVersion = z.infer<typeof policyVersion>;
export const policyVersionText = z.extend(policyVersion, { text: policySource });

export const policyCurrent = z.object({
  text: policySource,
  etag: text(128),
  version: z.nullable(policyVersion),
  mode: z.enum(['database', 'file']),
  path: z.nullable(text(4_096)),
  problem: z.nullable(text(65_536)),
});
export type PolicyCurrent = z.infer<typeof policyCurrent>;

const diagnostic = z.object({
  severity: z.enum(['error', 'warning']),
  message: text(65_536),
  line: z.int(),
  column: z.int(),
  end_line: z.int(),
  end_column: z.int(),
});
export type PolicyDiagnostic = z.infer<typeof diagnostic>;

export const policyJudgement = z.object({
  errors: list(diagnostic, 100_000),
  warnings: list(diagnostic, 100_000),
  concerns: list(text(65_536), 1_000),
});
export type PolicyJudgement = z.infer<typeof policyJudgement>;
export const policyOutcome = z.extend(policyJudgement, { version: z.nullable(policyVersion) });

const pairs = z.nullable(list(text(512), 1_000));
export const policyDiff = z.object({ same: z.boolean(), gained: pairs, lost: pairs });
export type PolicyDiff = z.infer<typeof policyDiff>;

export const policyExplanation = z.object({
  verdict: z.enum(['allowed', 'partly', 'denied']),
  reasons: list(text(65_536), 10_000),
  rules: list(z.object({ line: z.int(), column: z.int(), text: policySource }), 10_000),
  enforced_by: list(text(512), 100_000),
});
export type PolicyExplanation = z.infer<typeof policyExplanation>;

export const policyReach = z.object({
  nodes: list(
    z.object({
      id: z.int(),
      name: text(256),
      tags: list(text(512), 1_000),
      user_id: z.nullable(z.int()),
    }),
    MANY,
  ),
  edges: list(z.object({ from: z.int(), to: list(z.int(), MANY) }), MANY),
  truncated: z.boolean(),
});
export type PolicyReach = z.infer<typeof policyReach>;
