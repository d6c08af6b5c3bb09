/** What administrators can ask: each call's argument, checked at the socket; answers are shaped like Headscale's JSON. */
import { z } from 'zod';
import type { DerpMap } from '#shared/wire/map.ts';

const name = z.string().min(1).max(128);
const spanMs = z
  .int()
  .min(0)
  .max(100 * 366 * 86_400_000);

export const adminArgs = {
  'users.create': z.strictObject({ name, displayName: z.string().max(256).optional() }),
  'users.list': z.strictObject({}),
  'preauthkeys.create': z.strictObject({
    user: name,
    reusable: z.boolean(),
    ephemeral: z.boolean(),
    /** 0 = never. */
    expirationMs: spanMs,
  }),
  'preauthkeys.list': z.strictObject({ user: name.optional() }),
  'preauthkeys.expire': z.strictObject({ key: name }),
  'nodes.list': z.strictObject({ user: name.optional() }),
  'nodes.pending': z.strictObject({}),
  'nodes.approve': z.strictObject({ request: z.string().min(1).max(2_048), user: name.optional() }),
  'nodes.expire': z.strictObject({ node: name }),
  'nodes.delete': z.strictObject({ node: name }),
  'nodes.rename': z.strictObject({ node: name, newName: name }),
  'derp.map': z.strictObject({}),
  'oidc.status': z.strictObject({}),
  'admin-code.create': z.strictObject({ user: name.optional(), expirationMs: spanMs.min(1) }),
} as const;

export type AdminCall = keyof typeof adminArgs;
export type AdminArg<K extends AdminCall> = z.infer<(typeof adminArgs)[K]>;

export interface UserJson {
  readonly id: number;
  readonly name: string;
  readonly display_name: string;
  /** As the provider vouches for it; null without one. */
  readonly email: string | null;
  /** Name of the identity provider; empty for users made here. */
  readonly provider: string;
  /** `issuer/subject`: who the user is there, for ever; empty without a provider. */
  readonly provider_id: string;
  readonly profile_pic_url: string;
  readonly groups: readonly string[];
  /** The provider refuses the user. */
  readonly suspended: boolean;
  readonly last_login_at: string | null;
  readonly created_at: string;
}

export interface AuthKeyJson {
  readonly id: number;
  /** The whole key when it has just been made, later only its public beginning. */
  readonly key: string;
  readonly user: UserJson;
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly used: boolean;
  /** Null = never. */
  readonly expiration: string | null;
  readonly expired: boolean;
  readonly created_at: string;
}

export interface NodeJson {
  readonly id: number;
  /** The machine's name in the network; `given_name` is the same under Headscale's name for it. */
  readonly name: string;
  readonly given_name: string;
  /** What the machine calls itself. */
  readonly hostname: string;
  readonly fqdn: string;
  readonly machine_key: string;
  readonly node_key: string;
  readonly disco_key: string | null;
  readonly ip_addresses: readonly string[];
  readonly user: UserJson;
  readonly register_method: string;
  readonly ephemeral: boolean;
  readonly online: boolean;
  readonly expired: boolean;
  readonly expiry: string | null;
  readonly last_seen: string | null;
  readonly created_at: string;
  readonly os: string;
  readonly client_version: string;
  readonly capability_version: number;
  readonly endpoints: readonly string[];
}

export interface PendingJson {
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly address: string;
  readonly key: string;
  readonly url: string;
  readonly created_at: string;
}

export interface AdminCodeJson {
  readonly code: string;
  readonly user: UserJson;
  readonly expiration: string;
}

export interface OidcStatusJson {
  readonly redirect_uri: string;
  readonly providers: readonly {
    readonly id: string;
    readonly name: string;
    readonly issuer: string;
    readonly ready: boolean;
    /** Why it was not found the last time; null when it was. */
    readonly problem: string | null;
  }[];
  /** How many sign-ins went which way since the server started. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface AdminResults {
  'users.create': UserJson;
  'users.list': readonly UserJson[];
  'preauthkeys.create': AuthKeyJson;
  'preauthkeys.list': readonly AuthKeyJson[];
  'preauthkeys.expire': AuthKeyJson;
  'nodes.list': readonly NodeJson[];
  'nodes.pending': readonly PendingJson[];
  'nodes.approve': NodeJson;
  'nodes.expire': NodeJson;
  'nodes.delete': NodeJson;
  'nodes.rename': NodeJson;
  'admin-code.create': AdminCodeJson;
  /** As machines get it. */
  'derp.map': DerpMap;
  'oidc.status': OidcStatusJson;
}

/** One administrator's hand on the state, in this process or in the server's. */
export interface Admin extends AsyncDisposable {
  call<K extends AdminCall>(call: K, arg: AdminArg<K>): Promise<AdminResults[K]>;
}
