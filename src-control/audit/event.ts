/** Entries as the public API has them, for programs that collect logs (coordination-server.md §16.1). */
import { formatTime } from '#shared/wire/scalars.ts';
import type { Actor, AuditRow } from '../store/records.ts';

export interface AuditEvent {
  readonly eventTime: string;
  readonly type: 'CONFIG';
  /** Rows of one change share it. */
  readonly eventGroupID: string;
  readonly origin: string;
  readonly actor: {
    readonly id: string;
    readonly type: string;
    readonly loginName: string;
    readonly displayName: string;
  };
  readonly target: {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly property?: string;
  };
  readonly action: string;
  readonly old?: string;
  readonly new?: string;
  readonly actionDetails?: string;
  readonly remoteAddr?: string;
  /** Our own: the place in the chain. */
  readonly seq: number;
  readonly hash: string;
}

const ORIGINS: Readonly<Record<Actor['origin'], string>> = {
  cli: 'CLI',
  api: 'CONFIG_API',
  console: 'ADMIN_CONSOLE',
  node: 'NODE',
  oidc: 'IDENTITY_PROVIDER',
  system: 'CONTROL',
};
const ACTORS: Readonly<Record<Actor['origin'], string>> = {
  cli: 'AUTOMATED',
  api: 'API_KEY',
  console: 'USER',
  node: 'NODE',
  oidc: 'USER',
  system: 'AUTOMATED',
};

export function auditEvent({ seq, entry, hash }: AuditRow): AuditEvent {
  const { actor, target } = entry;
  return {
    eventTime: formatTime(entry.at),
    type: 'CONFIG',
    eventGroupID: hash.slice(0, 32),
    origin: ORIGINS[actor.origin],
    actor: { id: actor.id, type: ACTORS[actor.origin], loginName: actor.name, displayName: actor.name },
    target: {
      id: target.id,
      name: target.name,
      type: shouted(target.type),
      ...(target.property === undefined ? {} : { property: shouted(target.property) }),
    },
    action: shouted(entry.action),
    ...(entry.old === undefined ? {} : { old: entry.old }),
    ...(entry.new === undefined ? {} : { new: entry.new }),
    ...(entry.details === undefined ? {} : { actionDetails: entry.details }),
    ...(actor.remoteAddress === undefined ? {} : { remoteAddr: actor.remoteAddress }),
    seq,
    hash,
  };
}

/** `authKey` and `auth-key` as `AUTH_KEY`. */
const shouted = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
