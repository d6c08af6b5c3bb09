/** What the daemon knows: facts only; everything that follows from them is computed. Owned and changed by the backend alone. */
import { publicOf } from '#shared/crypto/x25519.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { DEFAULT_CONTROL_URL, type Prefs } from '#shared/localapi/prefs.ts';
import type { StateName } from '#shared/localapi/status.ts';
import type { NetInfo } from '#shared/wire/hostinfo.ts';
import type { NetworkMap } from '../control/types.ts';
import { NO_RELAY_STATUS, type RelayStatus } from '../underlay/relay-status.ts';
import type { Profile } from './profiles.ts';
import type { Session } from './session.ts';

export interface Knowledge {
  profile: Profile;
  session: Session | undefined;
  map: NetworkMap | undefined;
  /** The map is of an earlier run; the server hasn't confirmed it yet. */
  mapIsCached: boolean;
  state: StateName;
  /** When `Running` was entered last, wall clock ms; says nothing in other states. */
  runningSinceMs: number;
  /** Keeps the data plane empty until a good map comes: logged out, or the key was refused. */
  blocked: boolean;
  storeHealthy: boolean;
  networkUp: boolean;
  /** Addresses of this machine's interfaces, as the data plane told them last; replaced only when another. */
  lan: readonly string[];
  netInfo: NetInfo | undefined;
  relays: RelayStatus;
  /** Where peers find our PeerAPI. */
  peerApi: readonly SockAddr[];
  /** The network lets nothing out before someone signs in at its own page. */
  isCaptive: boolean;
}

export const firstKnowledge = (profile: Profile): Knowledge => ({
  profile,
  session: undefined,
  map: undefined,
  mapIsCached: false,
  state: 'NoState',
  runningSinceMs: 0,
  blocked: false,
  storeHealthy: true,
  networkUp: true,
  lan: [],
  netInfo: undefined,
  relays: NO_RELAY_STATUS,
  peerApi: [],
  isCaptive: false,
});

export const serverUrl = ({ ControlURL }: Pick<Prefs, 'ControlURL'>): string =>
  ControlURL === '' ? DEFAULT_CONTROL_URL : ControlURL;

export function nodeKeyOf({ profile }: Knowledge): NodeKey | undefined {
  const { nodeKey } = profile.persist;
  return nodeKey === undefined ? undefined : nodeKeyFrom(publicOf(nodeKey));
}
