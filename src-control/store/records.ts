/** What the coordination server remembers: plain immutable records, times in ms since 1970, absence as undefined. */
import type { DiscoKey, MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';

export interface UserRecord {
  readonly id: number;
  readonly name: string;
  readonly displayName: string;
  readonly createdAt: number;
  /** Set for people who sign in at an identity provider. */
  readonly identity?: UserIdentity | undefined;
  /** Since when the provider refuses this user, who until the next sign-in there has no machine in the network. */
  readonly suspendedAt?: number | undefined;
}

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
export type RegisterMethod = 'authkey' | 'cli' | 'code' | 'oidc';

export interface NodeRecord {
  readonly id: number;
  readonly machineKey: MachineKey;
  /** Bound to exactly one machine key. */
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  readonly userId: number;
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
}

export interface AuthKeyRecord {
  readonly id: number;
  /** The public part of the key's text; unique. */
  readonly prefix: string;
  /** SHA-256 of the secret part. */
  readonly hash: Uint8Array;
  readonly userId: number;
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly createdAt: number;
  /** Undefined = never. */
  readonly expiresAt: number | undefined;
  /** First use. */
  readonly usedAt: number | undefined;
}

/** A one-time code with which an administrator approves one machine on the sign-in page. */
export interface AdminCodeRecord {
  readonly id: number;
  readonly hash: Uint8Array;
  /** Who the approved machine will belong to. */
  readonly userId: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | undefined;
}

/** Everything the store holds, as loaded at start. */
export interface Snapshot {
  readonly users: readonly UserRecord[];
  readonly nodes: readonly NodeRecord[];
  readonly authKeys: readonly AuthKeyRecord[];
  readonly adminCodes: readonly AdminCodeRecord[];
  readonly grants: readonly GrantRecord[];
  readonly settings: ReadonlyMap<string, string>;
}

/** One change; a commit is a list of them that happens as a whole or not at all. */
export type Write =
  | { readonly put: 'user'; readonly value: UserRecord }
  | { readonly put: 'node'; readonly value: NodeRecord }
  | { readonly put: 'authKey'; readonly value: AuthKeyRecord }
  | { readonly put: 'adminCode'; readonly value: AdminCodeRecord }
  | { readonly put: 'grant'; readonly value: GrantRecord }
  | { readonly put: 'setting'; readonly key: string; readonly value: string }
  | { readonly remove: 'node' | 'adminCode' | 'grant'; readonly id: number };
