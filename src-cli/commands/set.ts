/** `rhumb set`: changes the mentioned settings and no others (localapi-and-daemon.md §4.3). */
import { RhumbError } from '#shared/errors.ts';
import { applyPrefsEdit, type Prefs, type PrefsEdit } from '#shared/localapi/prefs.ts';
import { isExitRoute, type PrefFlag, prefFlags } from './pref-flags.ts';
import { acceptRiskFlag, confirmLosingSsh } from './risk.ts';
import type { Command, Flag, FlagValues } from './spec.ts';
import { prefsFromFlags, routes } from './up-prefs.ts';
import { warnAboutRoutes } from './warnings.ts';

const nickname: Flag = {
  name: 'nickname',
  kind: 'text',
  value: 'name',
  about: 'short name for this account',
};

const settable = (platform: string): readonly PrefFlag[] =>
  prefFlags(platform).filter((flag) => flag.name !== 'login-server' && flag.name !== 'advertise-tags');

export function setCommand(platform: string): Command {
  return {
    name: 'set',
    about: 'Change the mentioned settings, and no others',
    flags: [...settable(platform), nickname, acceptRiskFlag],
    run: async (context, { flags }) => {
      if (flags.given.size === 0)
        throw new RhumbError('bad-argument', 'nothing to set: mention a setting; see rhumb set --help');
      const { api, signal } = context;
      const status = await api.status({ peers: true }, signal);
      const { prefs: wanted, warnings } = prefsFromFlags(flags, status);
      for (const warning of warnings) context.out(`Warning: ${warning}\n`);
      const current = await api.prefs(signal);
      const edit = setEdit(flags, wanted, current, platform);
      const next = applyPrefsEdit(current, edit);
      if (edit.AdvertiseRoutes !== undefined || edit.AppConnector !== undefined)
        await warnAboutRoutes(context, next);
      if (next.RunSSH !== current.RunSSH)
        await confirmLosingSsh(
          context,
          flags.text('accept-risk'),
          'You are connected through Rhumb; this changes who answers SSH and disconnects your session.',
        );
      const refusal = await api.checkPrefs(next, signal);
      if (refusal !== '') throw new RhumbError('bad-argument', refusal);
      await api.editPrefs(edit, signal);
      return 0;
    },
  };
}

/** Either kind of route flag alone leaves the routes of the other kind as they are. */
export function setEdit(flags: FlagValues, wanted: Prefs, current: Prefs, platform: string): PrefsEdit {
  const mentioned = settable(platform).filter((flag) => flags.given.has(flag.name));
  const edit = Object.assign({}, ...mentioned.map((flag) => flag.pick(wanted))) as PrefsEdit;
  const names = flags.given.has('nickname') ? { ProfileName: flags.text('nickname') } : {};
  const [setsRoutes, setsExit] = [
    flags.given.has('advertise-routes'),
    flags.given.has('advertise-exit-node'),
  ];
  if (setsRoutes === setsExit) return { ...edit, ...names };
  const kept = (current.AdvertiseRoutes ?? []).filter((route) => isExitRoute(route) === setsRoutes);
  const added = (wanted.AdvertiseRoutes ?? []).filter((route) => isExitRoute(route) !== setsRoutes);
  return { ...edit, ...names, AdvertiseRoutes: routes([...kept, ...added].join(','), false) };
}
