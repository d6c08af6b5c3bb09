/** From what the daemon knows to the facts that its state follows from (localapi-and-daemon.md §3.1, §3.2). */
import { isExpired } from './expiry.ts';
import type { Knowledge } from './knowledge.ts';
import type { Facts } from './next-state.ts';
import { authCannotContinue } from './session.ts';

export interface Surroundings {
  /** Wall clock, ms. */
  readonly nowMs: number;
  /** What was wanted of the data plane is in force. */
  readonly planeApplied: boolean;
  /** Whether some peer's tunnel is up; looking costs something, so it is asked only when it matters. */
  readonly hasLivePeer: () => boolean;
}

export function factsOf(know: Knowledge, around: Surroundings): Facts {
  const { prefs, persist } = know.profile;
  const { map, session } = know;
  return {
    // A machine that can't store its identity must not join; one that runs is not cut off for a full disk.
    storeHealthy: know.storeHealthy || map !== undefined,
    wantRunning: prefs.WantRunning,
    loggedOut: prefs.LoggedOut,
    hasNodeKey: persist.nodeKey !== undefined,
    blocked: know.blocked,
    authCannotContinue: authCannotContinue(session),
    self:
      map === undefined
        ? undefined
        : {
            keyExpired: isKeyRefused(know) || isExpired(map.self, around.nowMs, map.clockSkewMs),
            machineAuthorized: map.self.MachineAuthorized === true,
          },
    live:
      know.state === 'Starting' &&
      around.planeApplied &&
      (session?.up === true || know.relays.connected.length > 0 || around.hasLivePeer()),
  };
}

/** The server wants a person to sign in again before it takes our key. */
const isKeyRefused = ({ session }: Knowledge): boolean =>
  session !== undefined && session.login === 'under-way' && !session.interactive && session.authUrl !== '';

/** Whether the map stream rests: no network, or nobody wants the network and the map is known. */
export function isPaused({ networkUp, profile, state, map }: Knowledge): boolean {
  if (!networkUp || profile.prefs.Sync === false) return true;
  return state === 'Stopped' && map !== undefined;
}
