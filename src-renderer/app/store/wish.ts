/** What the user just asked for, shown as done at once, and taken back when the daemon does not confirm it (desktop.md §3.3); pure. */
import type { Settings, Snapshot } from '#shared/ui-state/types.ts';

export type Wish =
  | { readonly kind: 'running'; readonly on: boolean }
  /** `''` = straight to the internet. */
  | { readonly kind: 'exit'; readonly id: string }
  /** The service's own choice, whichever that is. */
  | { readonly kind: 'auto'; readonly on: boolean }
  | { readonly kind: 'account'; readonly id: string };

/** How long the daemon has. */
export const WISH_MS = 3_000;

/** The snapshot as it will be when the daemon does as it is told. */
export function predict(snapshot: Snapshot, wish: Wish): Snapshot {
  switch (wish.kind) {
    case 'running':
      return {
        ...edited(snapshot, { wantRunning: wish.on }),
        state: wish.on ? (snapshot.state === 'Running' ? 'Running' : 'Starting') : 'Stopped',
      };
    case 'exit':
      return edited(snapshot, { exitNodeId: wish.id, exitNodeIp: '', autoExitNode: '' });
    case 'auto':
      return edited(snapshot, wish.on ? { autoExitNode: 'any' } : { autoExitNode: '', exitNodeId: '' });
    case 'account':
      return {
        ...snapshot,
        state: 'Starting',
        accounts: snapshot.accounts.map((one) => ({ ...one, isCurrent: one.id === wish.id })),
      };
    default:
      return wish satisfies never;
  }
}

const edited = (snapshot: Snapshot, change: Partial<Settings>): Snapshot =>
  snapshot.settings === undefined ? snapshot : { ...snapshot, settings: { ...snapshot.settings, ...change } };

/** What the daemon says about the thing that was wished for, in one word that can be compared. */
function factOf(snapshot: Snapshot, { kind }: Wish): string {
  switch (kind) {
    case 'running':
      if (snapshot.state === 'Running' || snapshot.state === 'Starting') return 'on';
      return snapshot.state === 'Stopped' ? 'off' : snapshot.state;
    case 'exit':
      return snapshot.settings?.exitNodeId ?? '';
    case 'auto':
      return (snapshot.settings?.autoExitNode ?? '') === '' ? 'off' : 'on';
    case 'account':
      return snapshot.accounts.find(({ isCurrent }) => isCurrent)?.id ?? '';
    default:
      return kind satisfies never;
  }
}

const wanted = (wish: Wish): string => ('on' in wish ? (wish.on ? 'on' : 'off') : wish.id);

/**
 * After news from the daemon: the wish came true, is still open, or was contradicted (somebody else chose otherwise, or
 * the daemon is gone).
 */
export function judge(wish: Wish, before: Snapshot, after: Snapshot): 'granted' | 'open' | 'contradicted' {
  if (after.link.kind !== 'ready') return 'contradicted';
  const fact = factOf(after, wish);
  if (fact === wanted(wish)) return 'granted';
  return fact === factOf(before, wish) ? 'open' : 'contradicted';
}
