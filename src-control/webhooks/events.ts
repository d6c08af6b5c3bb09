/** What happened, as webhooks name it (coordination-server.md §16.2): from the audit log, and from who is there. */
import type { AuditEntry } from '../store/records.ts';

export const EVENT_TYPES = [
  'nodeCreated',
  'nodeNeedsApproval',
  'nodeApproved',
  'nodeKeyExpiringInOneDay',
  'nodeKeyExpiringInOneHour',
  'nodeKeyExpired',
  'nodeDeleted',
  'policyUpdate',
  'userCreated',
  'userNeedsApproval',
  'userApproved',
  'userSuspended',
  'userRestored',
  'userDeleted',
  'userRoleUpdated',
  'nodeOnline',
  'nodeOffline',
  'authKeyCreated',
  'apiKeyCreated',
  'settingsChanged',
  'routeNeedsApproval',
  'primaryRouteChanged',
  'policyTestsFailing',
  'backupFailed',
  'certificateRenewalFailed',
  'test',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const isEventType = (text: string): text is EventType => EVENT_TYPES.some((type) => type === text);

/** One element of a delivery's body, in the public service's form. */
export interface WebhookEvent {
  readonly timestamp: string;
  readonly version: 1;
  readonly type: EventType;
  readonly tailnet: string;
  /** For people to read. */
  readonly message: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface EventPlace {
  readonly tailnet: string;
  readonly serverUrl: string;
}

export const eventOf = (
  type: EventType,
  at: number,
  message: string,
  data: Readonly<Record<string, string>>,
  place: EventPlace,
): WebhookEvent => ({
  timestamp: new Date(at).toISOString(),
  version: 1,
  type,
  tailnet: place.tailnet,
  message,
  data: { ...data, url: place.serverUrl },
});

/** By `type action` of an entry, or `type action property`. */
const BY_DEED: Readonly<Record<string, readonly [EventType, (entry: AuditEntry) => string]>> = {
  'node create': ['nodeCreated', ({ target }) => `Machine ${target.name} was added`],
  'node approve': ['nodeApproved', ({ target }) => `Machine ${target.name} was approved`],
  'node delete': ['nodeDeleted', ({ target }) => `Machine ${target.name} was deleted`],
  'policy update': ['policyUpdate', () => 'The policy was changed'],
  'user create': ['userCreated', ({ target }) => `User ${target.name} was added`],
  'user approve': ['userApproved', ({ target }) => `User ${target.name} was approved`],
  'user suspend': ['userSuspended', ({ target }) => `User ${target.name} was suspended`],
  'user restore': ['userRestored', ({ target }) => `User ${target.name} is let in again`],
  'user delete': ['userDeleted', ({ target }) => `User ${target.name} was deleted`],
  'user update role': [
    'userRoleUpdated',
    (entry) => `User ${entry.target.name} is now ${entry.new ?? 'of another role'}`,
  ],
  'auth-key create': ['authKeyCreated', ({ target }) => `Auth key ${target.name} was made`],
  'api-key create': ['apiKeyCreated', ({ target }) => `API key ${target.name} was made`],
  'settings update': ['settingsChanged', ({ target }) => `The setting ${target.name} was changed`],
  'dns update': ['settingsChanged', () => 'The DNS settings were changed'],
};

/** Undefined for what no webhook is told of. */
export function eventOfEntry(entry: AuditEntry, place: EventPlace): WebhookEvent | undefined {
  const { target, action, actor } = entry;
  const deed = `${target.type} ${action}${target.property === undefined ? '' : ` ${target.property}`}`;
  // Of what one may only know part, the whole: settings have many properties.
  const found = BY_DEED[deed] ?? (target.type === 'settings' ? BY_DEED[`settings ${action}`] : undefined);
  if (found === undefined) return undefined;
  const [type, message] = found;
  const data: Record<string, string> = { actor: actor.name, [`${target.type}ID`]: target.id };
  if (target.name !== '') data[`${target.type}Name`] = target.name;
  if (entry.old !== undefined && type !== 'policyUpdate') data['oldValue'] = entry.old;
  if (entry.new !== undefined && type !== 'policyUpdate') data['newValue'] = entry.new;
  return eventOf(type, entry.at, message(entry), data, place);
}
