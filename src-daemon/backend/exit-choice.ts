/** Whether and through whom this machine wants to reach the rest of the world. */
import type { Prefs } from '#shared/localapi/prefs.ts';

/** Before the expression of an automatic choice, where an id stands for both. */
export const AUTO_EXIT = 'auto:';

/** Stands for an exit node while the automatic choice has none: no node has this id, so nothing leaves (§3.11). */
export const UNRESOLVED_EXIT = 'auto:any';

export type ExitPrefs = Pick<Prefs, 'ExitNodeID' | 'ExitNodeIP' | 'AutoExitNode'>;

/** Also while nobody knows yet who that is. */
export const wantsExit = ({ ExitNodeID, ExitNodeIP, AutoExitNode }: ExitPrefs): boolean =>
  ExitNodeID !== '' || ExitNodeIP !== '' || AutoExitNode !== '';

/** StableNodeID of the exit node that is known. An address that is not resolved yet goes before it: that wish is newer. */
export const chosenExit = ({ ExitNodeID, ExitNodeIP }: ExitPrefs): string | undefined =>
  ExitNodeID === '' || ExitNodeID === UNRESOLVED_EXIT || ExitNodeIP !== '' ? undefined : ExitNodeID;

/** While this holds nothing leaves but through the exit node, even when there is no tunnel: only the user's own act ends it. */
export const holdsBack = (prefs: ExitPrefs & Pick<Prefs, 'WantRunning' | 'LoggedOut'>): boolean =>
  prefs.WantRunning && !prefs.LoggedOut && wantsExit(prefs);

/** Whether less may leave by one wish than by the other: whoever asks for that relies on it as soon as he is told that it is so. */
export const closesMore = (
  wanted: Parameters<typeof holdsBack>[0] & Pick<Prefs, 'ExitNodeAllowLANAccess'>,
  before: Parameters<typeof holdsBack>[0] & Pick<Prefs, 'ExitNodeAllowLANAccess'>,
): boolean =>
  holdsBack(wanted) &&
  (!holdsBack(before) || (before.ExitNodeAllowLANAccess && !wanted.ExitNodeAllowLANAccess));
