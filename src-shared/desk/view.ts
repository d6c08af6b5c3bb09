/** What a caller may see of the daemon, and keeping it told (desktop.md §3.4, §10). */
import type { Caller } from '../bridge/dispatch.ts';
import type { Patch, Snapshot } from '../ui-state/types.ts';
import type { Desk } from './desk.ts';
import { NO_POLICY } from './policy.ts';

type Viewer = Pick<Caller, 'rights' | 'sees'>;

/**
 * Who may only look is not shown other accounts, nor the sign-in page: whoever goes there signs this machine in to a network
 * of his own. Who was let in from another network is shown this device, and nothing of the network that it is in.
 */
export function viewOf(snapshot: Snapshot, { rights, sees }: Viewer): Snapshot {
  if (rights === 'manage') return snapshot;
  const shown = { ...snapshot, link: linkFor(snapshot.link), accounts: [], authUrl: '' };
  return sees === 'device' ? { ...shown, ...NOTHING_AROUND } : shown;
}

/** May be empty: numbers of patches have no gaps. */
export function patchFor(patch: Patch, { rights, sees }: Viewer): Patch {
  if (rights === 'manage') return patch;
  const { accounts: _accounts, authUrl: _authUrl, link, ...rest } = patch.top ?? {};
  const top = { ...rest, ...(link !== undefined && { link: linkFor(link) }) };
  const shown = { ...patch, ...(patch.top !== undefined && { top }) };
  return sees === 'device' ? alone(shown) : shown;
}

const NOTHING_AROUND = {
  devices: {},
  users: {},
  settings: undefined,
  policy: NO_POLICY,
  relays: [],
  warnings: [],
  suggestedExitNodeId: '',
} as const satisfies Partial<Snapshot>;

function alone({ top, cleared }: Patch): Patch {
  const shown = Object.entries(top ?? {}).filter(([name]) => !Object.hasOwn(NOTHING_AROUND, name));
  return {
    ...(shown.length > 0 && { top: Object.fromEntries(shown) }),
    ...(cleared !== undefined && { cleared }),
  };
}

const linkFor = (link: Snapshot['link']): Snapshot['link'] =>
  link.kind === 'ready' ? { kind: 'ready', rights: 'readonly' } : link;

/** Sends each change to one page, until it is gone. */
export function tellChanges(
  desk: Pick<Desk, 'subscribe'>,
  caller: Pick<Caller, 'rights' | 'sees' | 'signal' | 'emit'>,
): void {
  if (caller.signal.aborted) return;
  const stop = desk.subscribe((patch, seq) => caller.emit('patch', { seq, patch: patchFor(patch, caller) }));
  caller.signal.addEventListener('abort', stop, { once: true });
}
