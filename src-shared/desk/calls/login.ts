/** Signing in: by browser, by key, at another server. */

import type { ResultOf } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import { RhumbError, toRhumbError } from '../../errors.ts';
import type { Prefs } from '../../localapi/prefs.ts';
import { fetchControlKey } from '../../node/control-key.ts';
import { isTlsTrouble } from '../../node/net-error.ts';
import type { CallParts } from './parts.ts';

export function loginCalls({
  api,
  desk,
}: Pick<CallParts, 'api' | 'desk'>): Handlers<'login.start' | 'login.cancel' | 'login.probeServer'> {
  return {
    'login.start': async ({ server, authKey = '', hostname, tags, force = false }, { signal }) => {
      const [status, prefs] = await Promise.all([api.status({ peers: false }, signal), api.prefs(signal)]);
      const wanted: Prefs = {
        ...prefs,
        ControlURL: serverUrl(server ?? prefs.ControlURL),
        Hostname: hostname ?? prefs.Hostname,
        AdvertiseTags: tags ?? prefs.AdvertiseTags,
        WantRunning: true,
        LoggedOut: false,
        Config: undefined,
      };
      const problem = await api.checkPrefs(wanted, signal);
      if (problem !== '') throw new RhumbError('bad-argument', problem);
      // Who only renews a key stays connected until there is a new one.
      const isRenewal = force && status.BackendState === 'Running' && authKey === '';
      const moves =
        wanted.ControlURL !== prefs.ControlURL || wanted.Hostname !== prefs.Hostname || tags !== undefined;
      if (!isRenewal || moves) await api.start({ UpdatePrefs: wanted, AuthKey: authKey.trim() }, signal);
      // A key signs in by itself, and one that is still good needs nobody.
      const needsPerson = force || !status.HaveNodeKey || status.BackendState === 'NeedsLogin';
      if (needsPerson && (authKey === '' || !status.HaveNodeKey)) await api.loginInteractive(signal);
      desk.refresh();
      return undefined;
    },
    'login.cancel': async (_arg, { signal }) => {
      // Nothing is told to the server: the page in the browser leads nowhere from now on.
      await api.editPrefs({ WantRunning: false }, signal);
      desk.refresh();
      return undefined;
    },
    'login.probeServer': async ({ url }, { signal }) => {
      let asked = url;
      try {
        asked = serverUrl(url);
        await fetchControlKey(new URL(asked), signal);
        return { url: asked, isReachable: true, trouble: 'none', problem: '' };
      } catch (error) {
        signal.throwIfAborted();
        const failure = toRhumbError(error);
        return { url: asked, isReachable: false, trouble: troubleOf(failure), problem: failure.message };
      }
    },
  };
}

/** What a person can do something about. */
function troubleOf({ code, cause }: RhumbError): ResultOf<'login.probeServer'>['trouble'] {
  if (code === 'bad-argument') return 'address';
  if (code === 'protocol') return 'foreign';
  return isTlsTrouble(cause) ? 'tls' : 'unreachable';
}

/** People write `vpn.example.com`; nobody means plain HTTP by that. */
function serverUrl(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '')
    throw new RhumbError('bad-argument', 'no server is set: name the coordination server of your network');
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '')
    throw new RhumbError(
      'bad-argument',
      'that is no address of a server: write it like https://vpn.example.com',
    );
  return url.href.replace(/\/$/, '');
}
