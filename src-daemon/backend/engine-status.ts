/** Counters and tunnel states for watchers (localapi-and-daemon.md §2.6). */
import type { EngineStatus, PeerState } from '#shared/localapi/notify.ts';
import type { NetworkMap } from '../control/types.ts';
import type { DataPlane } from './plane.ts';

type PeerFacts = Pick<DataPlane, 'peer'>;

export function engineStatus(
  map: NetworkMap | undefined,
  plane: PeerFacts & Pick<DataPlane, 'relays'>,
): EngineStatus {
  const live: Record<string, NonNullable<EngineStatus['LivePeers']>[string]> = {};
  let received = 0;
  let sent = 0;
  for (const { Key } of map?.peers.values() ?? []) {
    const peer = Key === undefined ? undefined : plane.peer(Key);
    if (Key === undefined || peer === undefined) continue;
    received += peer.rxBytes;
    sent += peer.txBytes;
    if (peer.wireguard !== 'established') continue;
    live[Key] = {
      NodeKey: Key,
      TxBytes: peer.txBytes,
      RxBytes: peer.rxBytes,
      LastHandshake: peer.lastHandshakeMs > 0 ? peer.lastHandshakeMs : undefined,
    };
  }
  return {
    RBytes: received,
    WBytes: sent,
    NumLive: Object.keys(live).length,
    LiveDERPs: plane.relays().connected.length,
    LivePeers: live,
  };
}

export function peerStates(map: NetworkMap, plane: PeerFacts, nowMs: number): Record<string, PeerState> {
  const states: Record<string, PeerState> = {};
  for (const { StableID, Key } of map.peers.values()) {
    const peer = Key === undefined ? undefined : plane.peer(Key);
    if (peer === undefined) continue;
    const at = peer.lastHandshakeMs > 0 ? peer.lastHandshakeMs : nowMs;
    states[StableID] = { PeerWireGuardState: peer.wireguard, PeerWireGuardStateAt: at };
  }
  return states;
}
