/** The network map in force, and its copy on disk, which serves until the server is reached after a restart. */
import type { Log } from '#shared/log/log.ts';
import type { NetworkMap } from '../control/types.ts';
import type { Health } from '../health/health.ts';
import type { MapCache } from '../store/map-cache.ts';
import { type Knowledge, nodeKeyOf } from './knowledge.ts';

export interface KeptMapDeps {
  readonly log: Log;
  readonly know: Knowledge;
  readonly health: Health;
  readonly mapCache: MapCache;
  readonly mapCodec: {
    readonly encode: (map: NetworkMap) => string;
    readonly decode: (text: string) => NetworkMap | undefined;
  };
}

export class KeptMap {
  readonly #deps: KeptMapDeps;

  constructor(deps: KeptMapDeps) {
    this.#deps = deps;
  }

  /** The map of an earlier run, when it is of this login. */
  async load(): Promise<void> {
    const { know, mapCache, mapCodec, log } = this.#deps;
    if (know.profile.persist.nodeKey === undefined || know.profile.prefs.LoggedOut) return;
    const text = await mapCache.read();
    const map = text === undefined ? undefined : mapCodec.decode(text);
    if (map === undefined || map.nodeKey !== nodeKeyOf(know)) return;
    know.map = map;
    know.mapIsCached = true;
    log('info', 'map.from-cache', { peers: map.peers.size });
  }

  /** One that the server sent. */
  set(map: NetworkMap): void {
    const { know, mapCache, mapCodec } = this.#deps;
    know.map = map;
    know.mapIsCached = false;
    mapCache.put(() => mapCodec.encode(map));
  }

  /** None is in force any more; the copy stays until it is dropped. */
  forget(): void {
    const { know, health } = this.#deps;
    know.map = undefined;
    know.mapIsCached = false;
    health.setServerMessages(new Map(), []);
  }

  /** A copy that can't be deleted harms nothing: it is used for the key alone that it was made for. */
  async dropCopy(): Promise<void> {
    try {
      await this.#deps.mapCache.clear();
    } catch (error) {
      this.#deps.log('warn', 'map-cache.not-deleted', { error });
    }
  }
}
