/** What happened to the network, as parts of the console's screens: a pure fold over changes and audit entries. */
import { type LiveEvent, MAX_NAMED, TOPICS, type Topic } from '#shared/console/live.ts';
import type { Change } from '../state/changes.ts';
import type { AuditEntry } from '../store/records.ts';

/** What was gathered since the last event. */
export interface Gathered {
  readonly topics: ReadonlySet<Topic>;
  /** Undefined: too many to name. */
  readonly nodes: ReadonlySet<number> | undefined;
}

export const NOTHING: Gathered = { topics: new Set(), nodes: new Set() };

export function addChanges(before: Gathered, changes: readonly Change[]): Gathered {
  const topics = new Set(before.topics);
  let nodes = before.nodes === undefined ? undefined : new Set(before.nodes);
  for (const change of changes) {
    for (const topic of topicsOfChange(change)) topics.add(topic);
    if (change.kind === 'reset') nodes = undefined;
    else if (change.kind === 'node' || change.kind === 'removed') nodes?.add(change.id);
    if (nodes !== undefined && nodes.size > MAX_NAMED) nodes = undefined;
  }
  return { topics, nodes };
}

export function addAudit(before: Gathered, entries: readonly AuditEntry[]): Gathered {
  if (entries.length === 0) return before;
  const topics = new Set(before.topics).add('audit');
  for (const { target } of entries) for (const topic of TARGETS[target.type] ?? []) topics.add(topic);
  return { ...before, topics };
}

export const addTopic = (before: Gathered, topic: Topic): Gathered => ({
  ...before,
  topics: new Set(before.topics).add(topic),
});

export const eventOf = ({ topics, nodes }: Gathered): LiveEvent => ({
  topics: [...topics],
  nodes: nodes === undefined ? null : [...nodes],
});

function topicsOfChange(change: Change): readonly Topic[] {
  switch (change.kind) {
    case 'node':
    case 'removed':
      return ['nodes', 'routes'];
    case 'user':
      return ['users'];
    case 'policy':
      return ['policy'];
    case 'dns':
      return ['dns'];
    case 'reset':
      return TOPICS;
    default:
      return change satisfies never;
  }
}

/** What has no change of its own is told by what is written about it. */
const TARGETS: Readonly<Record<string, readonly Topic[]>> = {
  'auth-key': ['keys'],
  'api-key': ['keys'],
  'oauth-client': ['keys'],
  policy: ['policy'],
  session: ['sessions'],
  passkey: ['sessions'],
  settings: ['settings'],
  webhook: ['webhooks'],
  dns: ['dns'],
  'dns-record': ['dns'],
  user: ['users'],
};
