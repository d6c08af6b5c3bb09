/** `rhumb set`: changes the mentioned settings and no others (localapi-and-daemon.md §4.3). */
import { RhumbError } from '#shared/errors.ts';
import { applyPrefsEdit, type Prefs, type PrefsEdit } from '#shared/localapi/prefs.ts';
import { isExitRoute, settableFlags } from './pref-flags.ts';
import { confirmLosingSsh, confirmMacConnector } from './risk.ts';
import { setOnlyPrefs } from './set-prefs.ts';
import type { Action, FlagValues } from './spec.ts';
import { prefsFromFlags, routes } from './up-prefs.ts';
import { warnAboutRoutes } from './warnings.ts';

/** Where machines are managed in a browser, within the network. */
const WEB_PORT = 5252;

/** `rhumb set`. */
export const set: Action = async (context, { flags }) => {
  if (flags.given.size === 0)
    throw new RhumbError('bad-argument', 'nothing to set: mention a setting; see rhumb set --help');
  const { api, signal } = context;
  const status = await api.status({ peers: true }, signal);
  const { prefs: common, warnings } = prefsFromFlags(flags, status);
  const wanted: Prefs = { ...common, ...setOnlyPrefs(flags) };
  for (const warning of warnings) context.out(`Warning: ${warning}\n`);
  const current = await api.prefs(signal);
  const edit = setEdit(flags, wanted, current, context.platform);
  const next = applyPrefsEdit(current, edit);
  if (edit.AdvertiseRoutes !== undefined || edit.AppConnector !== undefined)
    await warnAboutRoutes(context, next);
  if (edit.AppConnector?.Advertise === true) await confirmMacConnector(context, flags.text('accept-risk'));
  if (next.RunSSH !== current.RunSSH)
    await confirmLosingSsh(
      context,
      flags.text('accept-risk'),
      'You are connected through Rhumb; this changes who answers SSH and disconnects your session.',
    );
  const refusal = await api.checkPrefs(next, signal);
  if (refusal !== '') throw new RhumbError('bad-argument', refusal);
  await api.editPrefs(edit, signal);
  const [own] = status.TailscaleIPs ?? [];
  if (edit.RunWebClient === true && own !== undefined)
    context.out(`\nWeb interface now running at ${own}:${WEB_PORT}\n`);
  return 0;
};

/** Either kind of route flag alone leaves the routes of the other kind as they are. */
export function setEdit(flags: FlagValues, wanted: Prefs, current: Prefs, platform: string): PrefsEdit {
  const mentioned = settableFlags(platform).filter((flag) => flags.given.has(flag.name));
  const picked = mentioned.map((flag) => flag.pick(wanted));
  // Both flags of updates decide about parts of one field.
  const updates = picked.flatMap(({ AutoUpdate }) => (AutoUpdate === undefined ? [] : [AutoUpdate]));
  const edit = Object.assign(
    {},
    ...picked,
    updates.length > 0 ? { AutoUpdate: Object.assign({}, ...updates) as PrefsEdit['AutoUpdate'] } : {},
  ) as PrefsEdit;
  const [setsRoutes, setsExit] = [
    flags.given.has('advertise-routes'),
    flags.given.has('advertise-exit-node'),
  ];
  if (setsRoutes === setsExit) return edit;
  const kept = (current.AdvertiseRoutes ?? []).filter((route) => isExitRoute(route) === setsRoutes);
  const added = (wanted.AdvertiseRoutes ?? []).filter((route) => isExitRoute(route) !== setsRoutes);
  return { ...edit, AdvertiseRoutes: routes([...kept, ...added].join(','), false) };
}
