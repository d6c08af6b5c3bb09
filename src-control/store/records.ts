/** What the coordination server remembers: plain immutable records, times in ms since 1970, absence as undefined. */
import type { DiscoKey, MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';

/** What a user may do with the server itself; a member has only machines of their own. */
export const ROLES = ['owner', 'admin', 'it-admin', 'network-admin', 'auditor', 'member'] as const;
export type Role = (typeof ROLES)[number];

export interface UserRecord {
  readonly id: number;
  readonly name: string;
  readonly displayName: string;
  readonly createdAt: number;
  readonly role: Role;
  /** Undefined = waits for an administrator's yes. */
  readonly approvedAt: number | undefined;
  /** Set for people who sign in at an identity provider. */
  readonly identity?: UserIdentity | undefined;
  /** Since when the provider or an administrator refuses this user, who until then has no machine in the network. */
  readonly suspendedAt?: number | undefined;
  /** Who refuses: what the provider took away it can give back, what an administrator took away it can't. */
  readonly suspendedBy?: Suspender | undefined;
}

export const SUSPENDERS = ['provider', 'admin'] as const;
export type Suspender = (typeof SUSPENDERS)[number];

/** Who a user is at the provider. Issuer and subject never change; the rest is what the provider said last. */
export interface UserIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Name of the provider in the configuration, for people to read. */
  readonly provider: string;
  /** Only an address that the provider vouches for, or is trusted to give unverified. */
  readonly email: string | undefined;
  readonly pictureUrl: string | undefined;
  readonly groups: readonly string[];
  /** When the provider said all this. */
  readonly claimsAt: number;
  readonly lastLoginAt: number;
}

/** A provider's leave to ask it again whether a user may still sign in. */
export interface GrantRecord {
  /** Of the user. */
  readonly id: number;
  /** Encrypted; the key is not in the database. */
  readonly sealedToken: Uint8Array;
  readonly checkedAt: number;
}

/** How a machine was let in. */
export const REGISTER_METHODS = ['authkey', 'cli', 'code', 'oidc', 'api', 'passkey'] as const;
export type RegisterMethod = (typeof REGISTER_METHODS)[number];

/** A posture attribute that an administrator or a machine has set (policy.md §5.6). */
export interface NodeAttribute {
  readonly value: string | number | boolean;
  readonly updatedAt: number;
  /** Undefined = never. */
  readonly expiresAt?: number | undefined;
  readonly comment: string;
}

export interface NodeRecord {
  readonly id: number;
  readonly machineKey: MachineKey;
  /** Bound to exactly one machine key. */
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  /** Undefined exactly for tagged machines: those belong to their tags. */
  readonly userId: number | undefined;
  /** `tag:name`, sorted, each once. */
  readonly tags: readonly string[];
  /** As the machine says it. */
  readonly hostname: string;
  /** DNS label, unique in the network. */
  readonly givenName: string;
  /** An administrator chose the name: it no longer follows the host name. */
  readonly givenNameLocked: boolean;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly registerMethod: RegisterMethod;
  readonly authKeyId: number | undefined;
  readonly ephemeral: boolean;
  /** Undefined = never. */
  readonly expiry: number | undefined;
  readonly createdAt: number;
  /** When its last map stream ended; meaningful while offline. */
  readonly lastSeen: number | undefined;
  readonly hostinfo: Hostinfo;
  readonly endpoints: readonly string[];
  /** Numbers of `EndpointType`, parallel to `endpoints`. */
  readonly endpointTypes: readonly number[];
  /** Region of the home relay; 0 = none. */
  readonly homeDerp: number;
  /** The node's own capability version. */
  readonly capver: number;
  /** Prefixes that an administrator or the policy allows, whether announced (`hostinfo.RoutableIPs`) or not. */
  readonly approvedRoutes: readonly string[];
  /** Undefined = waits for an administrator's yes and has no network until then. */
  readonly approvedAt: number | undefined;
  /** Taken out of the network for the time being. */
  readonly disabledAt: number | undefined;
  /** An administrator said that its key never ends, whatever the usual lifetime. */
  readonly keyExpiryDisabled: boolean;
  readonly attributes: Readonly<Record<string, NodeAttribute>>;
  /** Lower goes first among routers of one prefix; undefined = after all that have one. */
  readonly routePriority: number | undefined;
  /** Who let it in, for people to read. */
  readonly createdBy: string;
}

export interface AuthKeyRecord {
  readonly id: number;
  /** The public part of the key's text; unique. */
  readonly prefix: string;
  /** SHA-256 of the secret part. */
  readonly hash: Uint8Array;
  /** Whose the machines will be; undefined = only their tags'. */
  readonly userId: number | undefined;
  /** The machines it lets in belong to these. */
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  /** Its machines need no further yes. */
  readonly isPreapproved: boolean;
  /** Undefined = any number when reusable, else one. */
  readonly maxUses: number | undefined;
  readonly useCount: number;
  readonly createdAt: number;
  /** Undefined = never. */
  readonly expiresAt: number | undefined;
  /** First use. */
  readonly usedAt: number | undefined;
  readonly revokedAt: number | undefined;
  readonly description: string;
  /** What its machine is to have. */
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly hostname: string | undefined;
  readonly createdBy: string;
}

/** What a one-time code opens; one that is read to somebody for their machine must not open the console. */
export const CODE_PURPOSES = ['machine', 'console'] as const;
export type CodePurpose = (typeof CODE_PURPOSES)[number];

/** A one-time code of an administrator: it lets one machine in on the sign-in page, or signs its user in to the console. */
export interface AdminCodeRecord {
  readonly id: number;
  readonly hash: Uint8Array;
  readonly purpose: CodePurpose;
  /** Who the approved machine will belong to, or who signs in. */
  readonly userId: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | undefined;
}

/** A secret with which a program speaks to the admin API: a key, an OAuth client, or a token that a client was given. */
export interface ApiKeyRecord {
  readonly id: number;
  readonly kind: 'api' | 'client' | 'token';
  /** The public part of its text; unique. */
  readonly prefix: string;
  /** SHA-256 of the secret part. */
  readonly hash: Uint8Array;
  /** Whose it is: it can do no more than this user. */
  readonly userId: number | undefined;
  /** Of a token: the client that asked for it. */
  readonly clientId: number | undefined;
  readonly scopes: readonly string[];
  /** What the machines it makes keys for must have. */
  readonly tags: readonly string[];
  readonly description: string;
  readonly createdAt: number;
  /** Undefined = never. */
  readonly expiresAt: number | undefined;
  readonly lastUsedAt: number | undefined;
  readonly revokedAt: number | undefined;
  readonly createdBy: string;
}

/** Somebody who is signed in to the web console. */
export interface SessionRecord {
  readonly id: number;
  /** SHA-256 of the cookie's value. */
  readonly idHash: Uint8Array;
  readonly userId: number;
  readonly createdAt: number;
  /** When its user last proved who they are. */
  readonly authAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
  readonly address: string;
  readonly userAgent: string;
}

/** A WebAuthn credential. */
export interface PasskeyRecord {
  readonly id: number;
  readonly userId: number;
  /** base64url, as browsers give it; unique. */
  readonly credentialId: string;
  /** COSE. */
  readonly publicKey: Uint8Array;
  readonly signCount: number;
  readonly transports: readonly string[];
  readonly name: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
}

/** The last time that somebody proved who they are for SSH sessions from one machine to another (policy.md §11.4). */
export interface SshCheckRecord {
  readonly id: number;
  readonly source: number;
  readonly destination: number;
  /** The user of the system there. */
  readonly login: string;
  readonly userId: number;
  readonly at: number;
  /** Of the source, as it was: another key needs another proof. */
  readonly sourceKey: NodeKey;
  /** Stands for the SSH rules that were in force. */
  readonly rules: string;
}

/** A version of the policy; the newest is in force. */
export interface PolicyRecord {
  readonly id: number;
  readonly text: string;
  /** Of the text, hexadecimal. */
  readonly sha256: string;
  readonly author: string;
  readonly comment: string;
  readonly createdAt: number;
}

export interface DnsRecord {
  readonly id: number;
  /** Lower case, without the dot at the end; may begin with `*.`. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'SRV';
  readonly value: string;
  readonly comment: string;
  readonly createdAt: number;
}

/** An address outside that is told of events (coordination-server.md §16.2). */
export interface WebhookRecord {
  readonly id: number;
  readonly url: string;
  readonly provider: string;
  readonly subscriptions: readonly string[];
  /** Encrypted; the key is not in the database. */
  readonly sealedSecret: Uint8Array;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly disabledAt: number | undefined;
  /** Also signs until then, so that a receiver can be told the new one in its own time. */
  readonly previousSecret: Uint8Array | undefined;
  readonly previousUntil: number | undefined;
}

/** What one webhook is told at once, until it took it or for as long as it is tried. */
export interface DeliveryRecord {
  readonly id: number;
  readonly webhookId: number;
  /** Types of the events in the body. */
  readonly events: readonly string[];
  readonly body: string;
  readonly createdAt: number;
  readonly attempts: number;
  /** Undefined when it is over. */
  readonly nextAt: number | undefined;
  readonly deliveredAt: number | undefined;
  /** What the last attempt was answered with. */
  readonly status: number | undefined;
  readonly problem: string | undefined;
}

/** An address that nobody gets for a while, so that stale names and rules don't lead to somebody else's machine. */
export interface FreedAddressRecord {
  readonly id: number;
  readonly address: string;
  readonly until: number;
}

/** Who caused a change. */
export interface Actor {
  readonly origin: 'cli' | 'api' | 'console' | 'node' | 'oidc' | 'system';
  /** Of the user, key or node; empty for the system and for whoever may open the admin socket. */
  readonly id: string;
  /** For people to read. */
  readonly name: string;
  readonly remoteAddress?: string | undefined;
}

/** What somebody did to what; never holds a secret. */
export interface AuditEntry {
  readonly at: number;
  readonly actor: Actor;
  /** `create`, `update`, `delete`, `login`, `approve`, … */
  readonly action: string;
  readonly target: {
    readonly type: string;
    readonly id: string;
    readonly name: string;
    readonly property?: string | undefined;
  };
  readonly old?: string | undefined;
  readonly new?: string | undefined;
  readonly details?: string | undefined;
}

/** An entry with its place in the chain: each hash covers the entry and the hash before it. */
export interface AuditRow {
  readonly seq: number;
  readonly entry: AuditEntry;
  /** SHA-256 of the previous row's hash and the entry's JSON, hexadecimal. */
  readonly hash: string;
}

/** A row as it is on disk, for those who check the chain. */
export interface RawAuditRow {
  readonly seq: number;
  readonly entry: string;
  readonly hash: string;
}

/** Where the chain begins: behind the newest row that was removed, or with nothing. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}

/** Newest first. */
export interface AuditQuery {
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  /** Only rows before this place. */
  readonly beforeSeq?: number | undefined;
  readonly actor?: string | undefined;
  readonly target?: string | undefined;
  readonly action?: string | undefined;
  readonly limit: number;
}

/** The kinds of records, each a table. */
export interface Records {
  readonly user: UserRecord;
  readonly node: NodeRecord;
  readonly authKey: AuthKeyRecord;
  readonly adminCode: AdminCodeRecord;
  readonly grant: GrantRecord;
  readonly apiKey: ApiKeyRecord;
  readonly session: SessionRecord;
  readonly passkey: PasskeyRecord;
  readonly policy: PolicyRecord;
  readonly dnsRecord: DnsRecord;
  readonly webhook: WebhookRecord;
  readonly delivery: DeliveryRecord;
  readonly freedAddress: FreedAddressRecord;
  readonly sshCheck: SshCheckRecord;
}
export type Kind = keyof Records;

/** Everything the store holds but the audit log, as loaded at start; each table in order of id. */
export interface Snapshot {
  readonly tables: { readonly [K in Kind]: readonly Records[K][] };
  readonly settings: ReadonlyMap<string, string>;
}

/** One record as it is to be from now on. */
export type Put = { readonly [K in Kind]: { readonly put: K; readonly value: Records[K] } }[Kind];

/** One change; a commit is a list of them that happens as a whole or not at all. */
export type Write =
  | Put
  | { readonly put: 'setting'; readonly key: string; readonly value: string }
  | { readonly remove: Kind; readonly id: number }
  | { readonly audit: AuditEntry };
