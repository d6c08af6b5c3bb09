/** Calls that change what the daemon shall do. */

import { within } from '../../async/within.ts';
import type { ParsedArg } from '../../bridge/contract.ts';
import type { CallContext, Handlers } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import type { Prefs, PrefsEdit } from '../../localapi/prefs.ts';
import type { CallParts } from './parts.ts';

type Names =
  | 'prefs.edit'
  | 'exitNode.set'
  | 'exitNode.toggleLast'
  | 'exitNode.suggest'
  | 'exitNode.offer'
  | 'account.add'
  | 'account.switch'
  | 'account.remove'
  | 'logout';

const DEFAULT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

export function settingsCalls({ api, desk }: Pick<CallParts, 'api' | 'desk'>): Handlers<Names> {
  const edit = async (change: PrefsEdit, signal: AbortSignal): Promise<undefined> => {
    await api.editPrefs(change, signal);
    desk.refresh();
    return undefined;
  };
  /** Put aside rather than cleared, so that it can be taken up again; one that was never found has nothing to put aside. */
  const stopExit = async (prefs: Prefs, signal: AbortSignal): Promise<void> => {
    if (prefs.ExitNodeID !== '' && !prefs.ExitNodeID.startsWith('auto:'))
      await api.post('set-use-exit-node-enabled?enabled=false', undefined, signal);
    else if (prefs.ExitNodeID !== '' || prefs.ExitNodeIP !== '' || prefs.AutoExitNode !== '')
      await api.editPrefs({ ExitNodeID: '', ExitNodeIP: '', AutoExitNode: '' }, signal);
  };
  const handlers: Handlers<Names> = {
    'prefs.edit': (arg, { signal }) => edit(editOf(arg), signal),
    'exitNode.set': async (arg, { signal }) => {
      const { id, auto, allowLan } = arg;
      const isNone = auto !== true && (id === '' || (id === undefined && auto === false));
      if (isNone) await stopExit(await api.prefs(signal), signal);
      const change: PrefsEdit = {
        ...(auto === true && { AutoExitNode: 'any' }),
        ...(auto !== true &&
          id !== undefined &&
          id !== '' && { ExitNodeID: id, ExitNodeIP: '', AutoExitNode: '' }),
        ...(allowLan !== undefined && { ExitNodeAllowLANAccess: allowLan }),
      };
      if (Object.keys(change).length > 0) await api.editPrefs(change, signal);
      desk.refresh();
      return undefined;
    },
    'exitNode.toggleLast': async ({ on }, { signal }) => {
      await api.post(`set-use-exit-node-enabled?enabled=${on}`, undefined, signal);
      desk.refresh();
      return undefined;
    },
    'exitNode.suggest': async (_arg, { signal }) => {
      const found = await api.get('suggest-exit-node', signal);
      return suggestion(found);
    },
    'exitNode.offer': async ({ on }, { signal }) => {
      const prefs = await api.prefs(signal);
      const others = (prefs.AdvertiseRoutes ?? []).filter((route) => !DEFAULT_ROUTES.includes(route));
      return await edit({ AdvertiseRoutes: on ? [...others, ...DEFAULT_ROUTES] : others }, signal);
    },
    'account.add': async (_arg, { signal }) => {
      const { ControlURL } = await api.prefs(signal);
      await api.newProfile(signal);
      // Whoever has a server of his own most likely means that one again; he can still name another.
      if (ControlURL !== '') await api.editPrefs({ ControlURL }, signal);
      desk.refresh();
      return undefined;
    },
    'account.switch': async ({ id }, { signal }) => {
      await api.switchProfile(id, signal);
      desk.refresh();
      return undefined;
    },
    'account.remove': async ({ id }, { signal }) => {
      await api.deleteProfile(id, signal);
      desk.refresh();
      return undefined;
    },
    logout: async (_arg, { signal }) => {
      await api.logout(signal);
      desk.refresh();
      return undefined;
    },
  };
  /** What is asked for later finds what was asked for before: stopping an exit node may follow its choice at once. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn =
    <A, R>(run: (arg: A, context: CallContext) => R | Promise<R>) =>
    (arg: A, context: CallContext): Promise<R> => {
      const mine = turn.then(async () => {
        const { signal } = context;
        // Who was told that it took too long must not find it done later.
        signal.throwIfAborted();
        // What was asked for before may have been that somebody else manages.
        if (context.caller.rights !== 'manage')
          throw new RhumbError('not-allowed', 'that is not allowed any more');
        return await within(Promise.resolve(run(arg, context)), signal);
      });
      turn = mine.catch(() => undefined); // whoever asked is told
      return mine;
    };
  return {
    'prefs.edit': inTurn(handlers['prefs.edit']),
    'exitNode.set': inTurn(handlers['exitNode.set']),
    'exitNode.toggleLast': inTurn(handlers['exitNode.toggleLast']),
    'exitNode.suggest': handlers['exitNode.suggest'],
    'exitNode.offer': inTurn(handlers['exitNode.offer']),
    'account.add': inTurn(handlers['account.add']),
    'account.switch': inTurn(handlers['account.switch']),
    'account.remove': inTurn(handlers['account.remove']),
    logout: inTurn(handlers.logout),
  };
}

/** Only what is named changes. */
function editOf(arg: ParsedArg<'prefs.edit'>): PrefsEdit {
  const { autoUpdateCheck, autoUpdateApply } = arg;
  const update = {
    ...(autoUpdateCheck !== undefined && { Check: autoUpdateCheck }),
    ...(autoUpdateApply !== undefined && { Apply: autoUpdateApply }),
  };
  return {
    ...given('WantRunning', arg.wantRunning),
    ...given('Hostname', arg.hostname),
    ...given('RouteAll', arg.acceptRoutes),
    ...given('CorpDNS', arg.acceptDns),
    ...given('ShieldsUp', arg.shieldsUp),
    ...given('RunSSH', arg.runSsh),
    ...given('RunWebClient', arg.runWebClient),
    ...given('PostureChecking', arg.postureChecking),
    ...given('ExitNodeAllowLANAccess', arg.allowLan),
    ...given('AdvertiseRoutes', arg.advertiseRoutes),
    ...given('NoSNAT', arg.noSnat),
    ...given('NetfilterMode', arg.netfilterMode),
    ...given('OperatorUser', arg.operator),
    ...given('ProfileName', arg.nickname),
    ...given('ForceDaemon', arg.unattended),
    ...(Object.keys(update).length > 0 && { AutoUpdate: update }),
  };
}

const given = <K extends keyof PrefsEdit>(name: K, value: PrefsEdit[K] | undefined): PrefsEdit =>
  value === undefined ? {} : { [name]: value };

function suggestion(json: unknown): { id: string; name: string } {
  if (typeof json !== 'object' || json === null)
    throw new RhumbError('protocol', 'suggest-exit-node: malformed');
  const { ID, Name } = json as { readonly ID?: unknown; readonly Name?: unknown };
  return {
    id: typeof ID === 'string' ? ID.slice(0, 128) : '',
    name: typeof Name === 'string' ? Name.replace(/\.$/, '').slice(0, 256) : '',
  };
}
