/** The daemon's state as a pure function of facts (localapi-and-daemon.md §3.1). */
import type { StateName } from '#shared/localapi/status.ts';

export interface Facts {
  /** The state file can be written. */
  readonly storeHealthy: boolean;
  readonly wantRunning: boolean;
  readonly loggedOut: boolean;
  readonly hasNodeKey: boolean;
  /** The data plane is kept empty until a login succeeds: logged out, or the key isn't good any more. */
  readonly blocked: boolean;
  /** Nothing is under way that could log us in without the user. */
  readonly authCannotContinue: boolean;
  /** What the network map says of ourselves; undefined without a map. */
  readonly self: { readonly keyExpired: boolean; readonly machineAuthorized: boolean } | undefined;
  /** A peer's tunnel is live, or a relay or the control server is connected: a network without relays must get up too. */
  readonly live: boolean;
}

export function nextState(current: StateName, facts: Facts): StateName {
  if (!facts.storeHealthy) return 'NoState';
  if (!facts.wantRunning && !facts.loggedOut && !facts.blocked && facts.hasNodeKey) return 'Stopped';
  if (facts.self === undefined) return withoutMap(current, facts);
  if (!facts.wantRunning) return 'Stopped';
  if (facts.self.keyExpired) return 'NeedsLogin';
  if (!facts.self.machineAuthorized) return 'NeedsMachineAuth';
  switch (current) {
    case 'Starting':
      return facts.live ? 'Running' : 'Starting';
    case 'Running':
      return 'Running';
    case 'NoState':
    case 'InUseOtherUser':
    case 'NeedsLogin':
    case 'NeedsMachineAuth':
    case 'Stopped':
      return 'Starting';
    default:
      return current satisfies never;
  }
}

function withoutMap(current: StateName, facts: Facts): StateName {
  if (facts.authCannotContinue || facts.loggedOut) return 'NeedsLogin';
  // The user wants it up, and it was down before any map came.
  return current === 'Stopped' ? 'Starting' : current;
}
