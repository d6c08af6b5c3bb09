/** The exit node in the preferences: suggested, resolved as soon as it can be, put aside and taken up again (§3.6, §3.11). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import type { Prefs, PrefsEdit } from '#shared/localapi/prefs.ts';
import type { NetInfo } from '#shared/wire/hostinfo.ts';
import type { MapChange, NetworkMap } from '../control/types.ts';
import type { Bus } from './bus.ts';
import { AUTO_EXIT, UNRESOLVED_EXIT, wantsExit } from './exit-choice.ts';
import { type ExitSuggestion, suggestExit } from './exit-suggestion.ts';
import type { Knowledge } from './knowledge.ts';
import { findByIp } from './lookup.ts';
import { offersExit } from './peer-claims.ts';
import { RegionLatency } from './region-latency.ts';

export interface ExitNodesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly know: Readonly<Knowledge>;
  readonly bus: Bus;
}

/** Also the field that only the daemon itself may set. */
export type ExitEdit = PrefsEdit & { readonly InternalExitNodePrior?: string };

export class ExitNodes {
  readonly #deps: ExitNodesDeps;
  readonly #latency = new RegionLatency();
  /** StableNodeID and `String(node.ID)` of what was suggested last; empty = nobody. */
  #last = { id: '', nodeId: '' };
  /** The machine is on another network than when the choice was made. */
  #hasMoved = false;

  constructor(deps: ExitNodesDeps) {
    this.#deps = deps;
  }

  /** Throws `unavailable` as long as it can't be told; watchers hear of another suggestion than the last. */
  suggest(): ExitSuggestion {
    const { know, clock, random, bus } = this.#deps;
    const now = clock.monotonic();
    const found = suggestExit({
      map: know.map,
      home: know.relays.home !== 0 ? know.relays.home : (know.netInfo?.PreferredDERP ?? 0),
      latencyOf: (region) => this.#latency.of(region, now),
      previous: this.#last.id,
      random,
    });
    if (found.ID === this.#last.id) return found;
    this.#last = { id: found.ID, nodeId: nodeIdOf(know.map, found.ID) };
    bus.send({ SuggestedExitNode: found.ID });
    return found;
  }

  /** StableNodeID of the suggestion; empty = there is nobody, undefined = it can't be told. Watchers hear of another one. */
  current(): string | undefined {
    try {
      return this.suggest().ID;
    } catch (error) {
      if (error instanceof RhumbError && error.code === 'unavailable') return undefined;
      throw error;
    }
  }

  /** The preferences with the exit node resolved as far as the map allows; the same object when nothing is to be resolved. */
  resolve(prefs: Prefs): Prefs {
    if (prefs.AutoExitNode !== '') return this.#withAutomatic(prefs);
    const { map } = this.#deps.know;
    if (prefs.ExitNodeIP === '') return prefs;
    const found = map === undefined ? undefined : findByIp(map, prefs.ExitNodeIP);
    if (found?.kind === 'peer') return { ...prefs, ExitNodeID: found.node.StableID, ExitNodeIP: '' };
    // An address goes before an id, also while it is nobody's.
    return prefs.ExitNodeID === '' ? prefs : { ...prefs, ExitNodeID: '' };
  }

  /** Whether a change of the map is one of what can be suggested or chosen. */
  isConcernedBy(change: MapChange, map: NetworkMap): boolean {
    if (change.kind === 'full' || change.self) return true;
    if (change.removed.includes(this.#last.nodeId)) return true;
    if (this.#deps.know.profile.prefs.ExitNodeIP !== '') return true;
    return change.changed.some((id) => {
      const node = map.peers.get(id);
      return id === this.#last.nodeId || (node !== undefined && offersExit(node));
    });
  }

  /** True when the automatic choice is to be made again, because what it depends on is known now. */
  measured(info: NetInfo): boolean {
    const { know, clock } = this.#deps;
    this.#latency.add(info, clock.monotonic());
    const { AutoExitNode, ExitNodeID } = know.profile.prefs;
    if (AutoExitNode === '') return false;
    // The first check after a move is often one of the old network still: a relay that answers is a sign of the new one.
    if (this.#hasMoved && know.relays.connected.length > 0) {
      this.#hasMoved = false;
      return true;
    }
    return ExitNodeID === UNRESOLVED_EXIT;
  }

  /** Seconds to a relay region, as they are weighed; undefined = not measured lately. */
  latencyOf(region: number): number | undefined {
    return this.#latency.of(region, this.#deps.clock.monotonic());
  }

  networkChanged(): void {
    this.#latency.clear();
    this.#hasMoved = true;
  }

  /** Another profile: its network has other nodes. */
  forget(): void {
    this.#last = { id: '', nodeId: '' };
  }

  #withAutomatic(prefs: Prefs): Prefs {
    const kept = prefs.ExitNodeID === '' ? UNRESOLVED_EXIT : prefs.ExitNodeID;
    // While it can't be told, what was found before still counts.
    const ExitNodeID = (this.current() ?? this.#last.id) || kept;
    if (ExitNodeID === prefs.ExitNodeID && prefs.ExitNodeIP === '') return prefs;
    return { ...prefs, ExitNodeID, ExitNodeIP: '' };
  }
}

const nodeIdOf = (map: NetworkMap | undefined, stableId: string): string => {
  for (const [id, node] of map?.peers ?? []) if (node.StableID === stableId) return id;
  return '';
};

/** What `set-use-exit-node-enabled` means now; undefined = it is so already. Throws `conflict` without a node to go back to. */
export function toggleExit(prefs: Prefs, enabled: boolean): ExitEdit | undefined {
  const { ExitNodeID, ExitNodeIP, AutoExitNode, InternalExitNodePrior } = prefs;
  if (enabled && ExitNodeID !== '') return undefined;
  if (!enabled) {
    // Also while nobody knows who it is: what has no node yet holds back all the same, and must have an end.
    if (!wantsExit(prefs)) return undefined;
    const prior = AutoExitNode === '' ? ExitNodeID || ExitNodeIP : `${AUTO_EXIT}${AutoExitNode}`;
    return { ExitNodeID: '', ExitNodeIP: '', AutoExitNode: '', InternalExitNodePrior: prior };
  }
  if (InternalExitNodePrior === '' && ExitNodeIP !== '')
    throw new RhumbError(
      'conflict',
      'the exit node is known by its address only, and no machine of the network has that',
    );
  if (InternalExitNodePrior === '') throw new RhumbError('conflict', 'no prior exit node to enable');
  return canonicalIp(InternalExitNodePrior) === undefined
    ? { ExitNodeID: InternalExitNodePrior }
    : { ExitNodeIP: InternalExitNodePrior };
}
