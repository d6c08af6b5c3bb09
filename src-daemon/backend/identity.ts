/** What a finished login and a network map change in the stored profile. */
import { equal } from '#shared/bytes/bytes.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import type { UserProfile } from '#shared/localapi/user.ts';
import type { LoginFinished, NetworkMap } from '../control/types.ts';
import type { Persist, Profile } from './profiles.ts';
import { magicDnsSuffix } from './status.ts';

export interface LoginCircumstances {
  readonly wasInteractive: boolean;
  readonly serverUrl: string;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

/** The profile after a login; the same object when nothing changed. */
export function afterLogin(profile: Profile, login: LoginFinished, how: LoginCircumstances): Profile {
  const { prefs } = profile;
  const persist: Persist = {
    ...profile.persist,
    nodeKey: login.nodeKey,
    oldNodeKey: login.oldNodeKey,
    keyCreatedMs: sameKey(profile.persist.nodeKey, login.nodeKey) ? profile.persist.keyCreatedMs : how.nowMs,
    user: loginUser(login) ?? profile.persist.user,
  };
  return unlessSame(profile, {
    login: profile.login,
    persist,
    prefs: {
      ...prefs,
      LoggedOut: false,
      // Whoever signed in on a page wants to be connected.
      WantRunning: prefs.WantRunning || how.wasInteractive,
      ControlURL: prefs.ControlURL === '' ? how.serverUrl : prefs.ControlURL,
    },
  });
}

/** The profile after a map: only now are our stable id and the names for lists known. */
export function afterMap(profile: Profile, map: NetworkMap): Profile {
  const known = map.users.get(String(map.self.User));
  const user: UserProfile =
    known === undefined ? profile.persist.user : { ...known, ProfilePicURL: known.ProfilePicURL ?? '' };
  const { prefs } = profile;
  return unlessSame(profile, {
    prefs,
    persist: { ...profile.persist, nodeId: map.self.StableID, user },
    login: {
      ...profile.login,
      Name: prefs.ProfileName === '' ? user.LoginName : prefs.ProfileName,
      NetworkProfile: { MagicDNSName: magicDnsSuffix(map), DomainName: map.domain, DisplayName: map.domain },
      UserProfile: user,
      NodeID: map.self.StableID,
      ControlURL: prefs.ControlURL,
    },
  });
}

function loginUser({ login, user }: LoginFinished): UserProfile | undefined {
  if (login === undefined && user === undefined) return undefined;
  return {
    ID: user?.ID ?? login?.ID ?? 0,
    LoginName: login?.LoginName ?? '',
    DisplayName: user?.DisplayName ?? login?.DisplayName ?? '',
    ProfilePicURL: user?.ProfilePicURL ?? login?.ProfilePicURL ?? '',
    Groups: undefined,
  };
}

function unlessSame(before: Profile, after: Profile): Profile {
  const sameKeys =
    sameKey(before.persist.nodeKey, after.persist.nodeKey) &&
    sameKey(before.persist.oldNodeKey, after.persist.oldNodeKey);
  const text = (value: Profile): string =>
    JSON.stringify(
      [value.login, value.prefs, value.persist.user, value.persist.nodeId],
      (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item),
    );
  return sameKeys && text(before) === text(after) ? before : after;
}

const sameKey = (a: PrivateKey | undefined, b: PrivateKey | undefined): boolean =>
  a === undefined || b === undefined ? a === b : equal(a, b);
