/** What somebody may do: the scopes of the public API, what each role has of them, and when one is enough. */
import type { Role } from '../store/records.ts';

/** Names as in the public API (coordination-server.md §13.3); each has a `:read` part. */
const AREAS = [
  'all',
  'account_settings',
  'api_access_tokens',
  'auth_keys',
  'device_invites',
  'devices:core',
  'devices:posture_attributes',
  'devices:routes',
  'dns',
  'feature_settings',
  'federated_keys',
  'log_streaming',
  'logs:configuration',
  'logs:network',
  'networking_settings',
  'oauth_keys',
  'policy_file',
  'services',
  'user_invites',
  'users',
  'webhooks',
] as const;

type Area = (typeof AREAS)[number];
export type Scope = Area | `${Area}:read`;

export const SCOPES: readonly Scope[] = AREAS.flatMap((area): Scope[] => [area, `${area}:read`]);

/** What a call needs: a scope, `self` for what everybody may do with what is theirs, `none` for what anybody may know. */
export type Need = Scope | 'self' | 'none';

export const isScope = (text: string): text is Scope => SCOPES.some((scope) => scope === text);

/** A scope holds itself and its reading part; `all` holds every one, `all:read` every reading one. */
function holds(held: Scope, wanted: Scope): boolean {
  if (held === wanted || held === 'all') return true;
  if (held === 'all:read') return wanted.endsWith(':read');
  return wanted === `${held}:read`;
}

export const grants = (held: readonly Scope[], wanted: Scope): boolean =>
  held.some((scope) => holds(scope, wanted));

/** What both allow. */
export const common = (a: readonly Scope[], b: readonly Scope[]): readonly Scope[] =>
  SCOPES.filter((scope) => grants(a, scope) && grants(b, scope));

/** Owners and administrators do everything; who may name an owner is judged where roles are given. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  owner: ['all'],
  admin: ['all'],
  'it-admin': [
    'all:read',
    'auth_keys',
    'device_invites',
    'devices:core',
    'devices:posture_attributes',
    'devices:routes',
    'feature_settings',
    'log_streaming',
    'user_invites',
    'users',
    'webhooks',
  ],
  'network-admin': [
    'all:read',
    'auth_keys',
    'devices:routes',
    'dns',
    'networking_settings',
    'policy_file',
    'services',
  ],
  auditor: ['all:read'],
  member: [],
};

/** Programs with these make machines, which must belong to tags: a program is nobody's user (§13.3). */
const NEEDS_TAGS: readonly Scope[] = ['devices:core', 'auth_keys'];
export const needsTags = (scopes: readonly Scope[]): boolean =>
  scopes.some((scope) => NEEDS_TAGS.includes(scope));
