/** What watchers of the bus are told: first messages, changes of the network, counters while someone asks. */
import type { Clock } from '#shared/async/clock.ts';
import { type HealthState, INITIAL_MESSAGE_BITS, type Notify, Watch } from '#shared/localapi/notify.ts';
import { State, type Status } from '#shared/localapi/status.ts';
import type { MapChange, NetworkMap } from '../control/types.ts';
import type { Health } from '../health/health.ts';
import { Bus, type WatchActor, type Watcher } from './bus.ts';
import { engineStatus, peerStates } from './engine-status.ts';
import { foldActions, healthState } from './health-json.ts';
import type { Knowledge } from './knowledge.ts';
import { type PeerNews, peerNews } from './map-news.ts';
import { LazyNetMap } from './netmap-json.ts';
import type { DataPlane } from './plane.ts';
import { visiblePrefs } from './profiles.ts';

export interface WatchHubDeps {
  readonly clock: Clock;
  readonly plane: Pick<DataPlane, 'peer' | 'relays'>;
  readonly know: Readonly<Knowledge>;
  readonly health: () => Health;
  readonly status: () => Status;
  readonly newSessionId: () => string;
  /** StableNodeID; '' = none fits; undefined = it can't be said now. */
  readonly suggestedExitNode?: (() => string | undefined) | undefined;
}

const NO_NEWS: PeerNews = { nodes: [], patches: [], patched: [], removed: [] };

const LOOK_MS = 2_000;

export class WatchHub {
  readonly bus: Bus;
  readonly #deps: WatchHubDeps;
  /** State of each peer's tunnel as told last, by StableNodeID. */
  #told = new Map<string, string>();
  /** The map that watchers were told last. */
  #toldMap: NetworkMap | undefined;
  #cancelLook: (() => void) | undefined;
  #closed = false;

  constructor(deps: WatchHubDeps) {
    this.#deps = deps;
    this.bus = new Bus(deps.clock, () => this.sync());
  }

  watch(mask: number, actor: WatchActor): Watcher {
    const watcher = this.bus.add(mask, actor);
    if ((mask & INITIAL_MESSAGE_BITS) !== 0) watcher.pushInitial(this.#initialMessage(mask));
    return watcher;
  }

  announceMap(map: NetworkMap, change: MapChange): void {
    const full = change.kind === 'full';
    const told = this.#toldMap;
    this.#toldMap = map;
    const news = this.bus.wants(Watch.PeerChanges) ? peerNews(told, map, change) : NO_NEWS;
    const { nodes, patches, patched, removed } = news;
    const releases = map.clientVersion;
    this.bus.send({
      ...((full || change.self) && { SelfChange: map.self }),
      ...(nodes.length > 0 && { PeersChanged: nodes }),
      ...(patches.length > 0 && { PeerChangedPatch: patches, PatchedPeers: patched }),
      ...(removed.length > 0 && { PeersRemoved: removed }),
      ...(map.users !== told?.users && { UserProfiles: userProfiles(map) }),
      ...(releases !== undefined && releases !== told?.clientVersion && { ClientVersion: releases }),
      ...(this.bus.wants(Watch.InitialNetMap) && { NetMap: LazyNetMap.of(map, false) }),
    });
  }

  /** Looks at the peers every two seconds while someone asks for it. */
  sync(): void {
    const asked = this.bus.wants(Watch.EngineUpdates | Watch.PeerWireGuardState);
    if (this.#closed || !asked) {
      this.#cancelLook?.();
      this.#cancelLook = undefined;
      return;
    }
    this.#cancelLook ??= this.#deps.clock.after(LOOK_MS, () => {
      this.#cancelLook = undefined;
      this.#look();
      this.sync();
    });
  }

  close(): void {
    this.#closed = true;
    this.sync();
    this.bus.close();
  }

  #look(): void {
    const { plane, know } = this.#deps;
    if (this.bus.wants(Watch.EngineUpdates)) this.bus.send({ Engine: engineStatus(know.map, plane) });
    if (this.bus.wants(Watch.PeerWireGuardState) && know.map !== undefined)
      this.#announcePeerStates(know.map);
  }

  #health(mask: number): HealthState {
    const state = healthState(this.#deps.health().visible());
    return (mask & Watch.HealthActions) === 0 ? foldActions(state) : state;
  }

  /** Nothing when nobody can say which one. */
  #suggestion(): Notify {
    const id = this.#deps.suggestedExitNode?.();
    return id === undefined ? {} : { SuggestedExitNode: id };
  }

  /** Only those that changed since the last look. */
  #announcePeerStates(map: NetworkMap): void {
    const all = Object.entries(peerStates(map, this.#deps.plane, this.#deps.clock.now()));
    const changed = all.filter(([id, { PeerWireGuardState }]) => this.#told.get(id) !== PeerWireGuardState);
    this.#told = new Map(all.map(([id, state]) => [id, state.PeerWireGuardState]));
    if (changed.length > 0) this.bus.send({ PeerState: Object.fromEntries(changed) });
  }

  #initialMessage(mask: number): Notify {
    const has = (bit: number): boolean => (mask & bit) !== 0;
    const { know, plane, clock } = this.#deps;
    const { map, state } = know;
    const url = state === 'NeedsLogin' ? (know.session?.authUrl ?? '') : '';
    return {
      ...(has(Watch.InitialState) && { SessionID: this.#deps.newSessionId(), State: State[state] }),
      ...(has(Watch.InitialState) && url !== '' && { BrowseToURL: url }),
      ...(has(Watch.InitialPrefs) && { Prefs: visiblePrefs(know.profile) }),
      ...(has(Watch.InitialNetMap) &&
        map !== undefined && { SelfChange: map.self, NetMap: LazyNetMap.of(map, know.mapIsCached) }),
      ...(has(Watch.InitialDriveShares) && { DriveShares: [] }),
      ...(has(Watch.InitialOutgoingFiles) && { OutgoingFiles: [] }),
      ...(has(Watch.InitialHealthState) && { Health: this.#health(mask) }),
      ...(has(Watch.InitialSuggestedExitNode) && this.#suggestion()),
      ...(has(Watch.InitialClientVersion) &&
        know.profile.prefs.AutoUpdate.Check &&
        map?.clientVersion !== undefined && { ClientVersion: map.clientVersion }),
      // No administrator's policy reaches this system.
      ...(has(Watch.SysPolicyChanges) && { Policy: {} }),
      ...(has(Watch.InitialStatus) && { InitialStatus: this.#deps.status() }),
      ...(has(Watch.PeerWireGuardState) &&
        map !== undefined && { PeerState: peerStates(map, plane, clock.now()) }),
    };
  }
}

const userProfiles = (map: NetworkMap): NonNullable<Notify['UserProfiles']> =>
  Object.fromEntries(
    [...map.users].map(([id, user]) => [id, { ...user, ProfilePicURL: user.ProfilePicURL ?? '' }]),
  );
