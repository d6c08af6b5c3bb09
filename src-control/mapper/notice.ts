/** What the server has to say to a machine's user: it waits for approval, it is disabled, its identity runs twice. */
import type { NodeView } from '../state/network.ts';

/** Clients from here on read DisplayMessages; earlier ones know Health only. */
const DISPLAY_MESSAGES_VERSION = 117;

interface Notice {
  readonly Title: string;
  readonly Text: string;
  readonly Severity: 'high' | 'medium' | 'low';
  readonly ImpactsConnectivity: boolean;
}

const NOTICES = {
  'rhumb-cloned-state': {
    Title: 'This identity is in use on two machines',
    Text: 'Another machine runs with a copy of this machine’s state file, so neither can be reached reliably. Log out on one of the two and sign it in again; it then gets a name and addresses of its own.',
    Severity: 'high',
    ImpactsConnectivity: true,
  },
  'rhumb-waits-for-approval': {
    Title: 'This machine waits for approval',
    Text: 'It is signed in, but reaches nobody until an administrator of the network approves it.',
    Severity: 'high',
    ImpactsConnectivity: true,
  },
  'rhumb-routes-refused': {
    Title: 'Some routes of this machine can’t be',
    Text: 'It announces routes that overlap the network’s own addresses or are no routes; they are left out, the others are not touched. An administrator sees which (nodes show).',
    Severity: 'medium',
    ImpactsConnectivity: false,
  },
  'rhumb-disabled': {
    Title: 'This machine is disabled',
    Text: 'An administrator has taken it out of the network for the time being; ask them to enable it again.',
    Severity: 'high',
    ImpactsConnectivity: true,
  },
} as const satisfies Record<string, Notice>;
type NoticeId = keyof typeof NOTICES;

const NONE: ReadonlySet<NoticeId> = new Set();

/** What holds now. */
export function noticesFor({ isCloned, record, refusedRoutes }: NodeView): ReadonlySet<NoticeId> {
  const ids: NoticeId[] = [];
  if (isCloned) ids.push('rhumb-cloned-state');
  if (record.disabledAt !== undefined) ids.push('rhumb-disabled');
  else if (record.approvedAt === undefined) ids.push('rhumb-waits-for-approval');
  if (refusedRoutes.length > 0) ids.push('rhumb-routes-refused');
  return ids.length === 0 ? NONE : new Set(ids);
}

/** The member of a map message that leads from what was told to what holds; undefined when that is the same. */
export function noticesMember(
  told: ReadonlySet<string>,
  current: ReadonlySet<NoticeId>,
  capver: number,
): string | undefined {
  const fresh = [...current].filter((id) => !told.has(id));
  const over = [...told].filter((id) => !(current as ReadonlySet<string>).has(id));
  if (fresh.length === 0 && over.length === 0) return undefined;
  if (capver < DISPLAY_MESSAGES_VERSION) {
    const lines = [...current].map((id) => `${NOTICES[id].Title}. ${NOTICES[id].Text}`);
    return `"Health":${JSON.stringify(lines)}`;
  }
  const messages = Object.fromEntries([
    ...fresh.map((id) => [id, NOTICES[id]] as const),
    ...over.map((id) => [id, null] as const),
  ]);
  return `"DisplayMessages":${JSON.stringify(messages)}`;
}
