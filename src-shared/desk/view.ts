/** What a caller may see of the daemon, and keeping it told (desktop.md §3.4, §10). */
import type { Caller } from '../bridge/dispatch.ts';
import type { Patch, Rights, Snapshot } from '../ui-state/types.ts';
import type { Desk } from './desk.ts';

/**
 * Who may only look is not shown other accounts, nor the sign-in page: whoever goes there signs this machine in to a network
 * of his own.
 */
export function viewOf(snapshot: Snapshot, rights: Rights): Snapshot {
  if (rights === 'manage') return snapshot;
  return { ...snapshot, link: linkFor(snapshot.link), accounts: [], authUrl: '' };
}

/** May be empty: numbers of patches have no gaps. */
export function patchFor(patch: Patch, rights: Rights): Patch {
  if (rights === 'manage' || patch.top === undefined) return patch;
  const { accounts: _accounts, authUrl: _authUrl, link, ...rest } = patch.top;
  return { ...patch, top: { ...rest, ...(link !== undefined && { link: linkFor(link) }) } };
}

const linkFor = (link: Snapshot['link']): Snapshot['link'] =>
  link.kind === 'ready' ? { kind: 'ready', rights: 'readonly' } : link;

/** Sends each change to one page, until it is gone. */
export function tellChanges(
  desk: Pick<Desk, 'subscribe'>,
  caller: Pick<Caller, 'rights' | 'signal' | 'emit'>,
): void {
  if (caller.signal.aborted) return;
  const stop = desk.subscribe((patch, seq) =>
    caller.emit('patch', { seq, patch: patchFor(patch, caller.rights) }),
  );
  caller.signal.addEventListener('abort', stop, { once: true });
}
