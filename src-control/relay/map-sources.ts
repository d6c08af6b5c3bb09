/** The relay map from all its sources: embedded relay, URLs, files, configuration; kept fresh, never emptied by a failure. */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import { codeOf, netErrorText } from '#shared/node/net-error.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { fetchText } from './fetch-text.ts';
import { readMapText } from './map-yaml.ts';
import { offeredMap } from './offered-map.ts';

export interface MapSources {
  readonly urls: readonly URL[];
  readonly files: readonly string[];
  readonly inline: DerpMap | undefined;
  readonly refreshMs: number;
}

export interface MapSourcesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where the last good answer of each URL is kept. */
  readonly cacheFile: string;
  /** Told whenever the merged map may be another one. */
  readonly changed: (map: DerpMap | undefined) => void;
}

interface FromFile {
  readonly stamp: string;
  readonly map: DerpMap;
}

const MAX_BYTES = 1_024 * 1_024;
const FETCH_MS = 10_000;
const LOOK_AT_FILES_MS = 10_000;
/** After a failure; also the shortest interval that can be configured. */
const RETRY_MS = 60_000;

const cache = z.record(z.string().max(4_096), offeredMap);
/** Clients keep the number where others keep a port (nat-traversal.md §1.12). */
const MAX_REGION = 65_535;

/** Later sources win, region by region; `null` takes a region away. Undefined when nothing is left. */
export function mergeMaps(maps: readonly (DerpMap | undefined)[]): DerpMap | undefined {
  const regions = new Map<string, NonNullable<NonNullable<DerpMap['Regions']>[string]>>();
  const scores: Record<string, number> = {};
  for (const map of maps) {
    for (const [id, region] of Object.entries(map?.Regions ?? {})) {
      // What an earlier source said of its region does not hold for this one.
      delete scores[id];
      if (region === null) regions.delete(id);
      else regions.set(id, region);
    }
    Object.assign(scores, map?.HomeParams?.RegionScore ?? {});
  }
  if (regions.size === 0) return undefined;
  for (const id of Object.keys(scores)) if (!regions.has(id)) delete scores[id];
  return {
    HomeParams: Object.keys(scores).length === 0 ? undefined : { RegionScore: scores },
    Regions: Object.fromEntries([...regions].sort(([a], [b]) => Number(a) - Number(b))),
    omitDefaultRegions: true,
  };
}

/** Checks what the schema leaves open, so that a slip shows here and not on every machine. */
export function parseMap(text: string, where: string): DerpMap {
  let json: unknown;
  try {
    // From the web it is JSON; in a file it may be as others keep it.
    json = readMapText(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError(
      'bad-argument',
      `the relay map ${where} is neither JSON nor YAML: ${why.split('\n', 1)[0]}`,
      { cause },
    );
  }
  const parsed = offeredMap.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.join('.') ?? '';
    throw new RhumbError('bad-argument', `the relay map ${where} is wrong: ${at}: ${issue?.message}`);
  }
  const problem = problemIn(parsed.data);
  if (problem !== undefined)
    throw new RhumbError('bad-argument', `the relay map ${where} is wrong: ${problem}`);
  return parsed.data;
}

/** Undefined when the map is sound. */
export function problemIn(map: DerpMap): string | undefined {
  const names = new Set<string>();
  for (const [id, region] of Object.entries(map.Regions ?? {})) {
    if (!/^[1-9]\d{0,4}$/.test(id) || Number(id) > MAX_REGION) return `"${id}" is not the number of a region`;
    if (region === null) continue;
    if (String(region.RegionID) !== id) return `region ${id} calls itself ${region.RegionID}`;
    for (const node of region.Nodes ?? []) {
      if (node.RegionID !== region.RegionID)
        return `node ${node.Name} of region ${id} is in ${node.RegionID}`;
      if (names.has(node.Name)) return `there are two nodes ${node.Name}`;
      names.add(node.Name);
    }
  }
  return undefined;
}

export class RelayMap implements Disposable {
  #sources: MapSources;
  readonly #deps: MapSourcesDeps;
  readonly #fromUrls = new Map<string, DerpMap>();
  #fromFiles = new Map<string, FromFile>();
  /** Of files that could not be used: said once, not at every look. */
  readonly #refused = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #cancels = new Set<() => void>();
  #embedded: DerpMap | undefined;
  /** What was begun for earlier sources ends when it sees that there are others. */
  #round = 0;

  constructor(sources: MapSources, deps: MapSourcesDeps) {
    this.#sources = sources;
    this.#deps = deps;
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const cancel of this.#cancels) cancel();
  }

  get current(): DerpMap | undefined {
    const { urls, files, inline } = this.#sources;
    return mergeMaps([
      this.#embedded,
      ...urls.map((url) => this.#fromUrls.get(url.href)),
      ...files.map((file) => this.#fromFiles.get(file)?.map),
      inline,
    ]);
  }

  /** Reads the files, which must be right, and what is kept of the URLs; the network is asked in the background. */
  async start(embedded: DerpMap | undefined): Promise<void> {
    this.#embedded = embedded;
    await this.apply(this.#sources);
  }

  /** Other sources from now on; rejects, with everything as it was, when one that must be right is not. */
  async apply(sources: MapSources): Promise<void> {
    const { inline, files, urls } = sources;
    const problem = inline === undefined ? undefined : problemIn(inline);
    if (problem !== undefined) throw new RhumbError('bad-argument', `derpMap is wrong: ${problem}`);
    const fromFiles = new Map<string, FromFile>();
    for (const file of files) fromFiles.set(file, await readMapFile(file));
    if (this.#closing.signal.aborted) return;
    this.#sources = sources;
    this.#fromFiles = fromFiles;
    this.#refused.clear();
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#round += 1;
    if (files.length > 0) this.#repeat(LOOK_AT_FILES_MS, () => this.#lookAtFiles());
    if (urls.length > 0) await this.#readCache();
    this.#deps.changed(this.current);
    if (urls.length > 0) this.#after(0, () => this.#fetchAll());
  }

  /** The relay inside the server is another one now, by name or certificate. */
  setEmbedded(embedded: DerpMap | undefined): void {
    this.#embedded = embedded;
    this.#deps.changed(this.current);
  }

  /** Asks all URLs once, then again after the interval. */
  async #fetchAll(): Promise<void> {
    const round = this.#round;
    const results = await Promise.all(this.#sources.urls.map((url) => this.#fetch(url)));
    if (this.#closing.signal.aborted || round !== this.#round) return;
    if (results.includes('changed')) {
      await this.#writeCache();
      this.#deps.changed(this.current);
    }
    const { refreshMs } = this.#sources;
    const wait = results.includes('failed') ? Math.min(RETRY_MS, refreshMs) : refreshMs;
    this.#after(wait * (0.9 + 0.2 * this.#deps.random()), () => this.#fetchAll());
  }

  async #fetch(url: URL): Promise<'same' | 'changed' | 'failed'> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(FETCH_MS)]);
    try {
      const map = parseMap(await fetchText(url, MAX_BYTES, signal), nameOf(url));
      if (mergeMaps([map]) === undefined) throw new RhumbError('protocol', 'it has no region');
      const before = JSON.stringify(this.#fromUrls.get(url.href));
      this.#fromUrls.set(url.href, map);
      return before === JSON.stringify(map) ? 'same' : 'changed';
    } catch (error) {
      if (!this.#closing.signal.aborted)
        this.#deps.log('warn', 'derp-map.fetch-failed', {
          url: nameOf(url),
          error: error instanceof RhumbError ? error.message : netErrorText(error),
          isKept: this.#fromUrls.has(url.href),
        });
      return 'failed';
    }
  }

  async #readFile(file: string): Promise<boolean> {
    const fromFiles = this.#fromFiles;
    if (fromFiles.get(file)?.stamp === (await stampOf(file))) return false;
    fromFiles.set(file, await readMapFile(file));
    return true;
  }

  async #lookAtFiles(): Promise<void> {
    let isChanged = false;
    for (const file of this.#sources.files) {
      try {
        if (await this.#readFile(file)) isChanged = true;
        this.#refused.delete(file);
      } catch (error) {
        const { message } = toRhumbError(error);
        if (this.#refused.get(file) === message) continue;
        this.#refused.set(file, message);
        this.#deps.log('warn', 'derp-map.file-failed', { file, error: message });
      }
    }
    if (isChanged && !this.#closing.signal.aborted) this.#deps.changed(this.current);
  }

  async #readCache(): Promise<void> {
    try {
      const kept = cache.parse(JSON.parse(await readFile(this.#deps.cacheFile, 'utf8')));
      for (const url of this.#sources.urls) {
        const map = kept[url.href];
        if (map !== undefined && !this.#fromUrls.has(url.href)) this.#fromUrls.set(url.href, map);
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        this.#deps.log('warn', 'derp-map.cache-unreadable', { error: toRhumbError(error).message });
    }
  }

  async #writeCache(): Promise<void> {
    try {
      await writeFileAtomic(this.#deps.cacheFile, JSON.stringify(Object.fromEntries(this.#fromUrls)));
    } catch (error) {
      this.#deps.log('warn', 'derp-map.cache-not-written', { error: toRhumbError(error).message });
    }
  }

  #repeat(ms: number, fn: () => Promise<void>): void {
    const round = this.#round;
    this.#after(ms, async () => {
      await fn();
      if (round === this.#round) this.#repeat(ms, fn);
    });
  }

  #after(ms: number, fn: () => Promise<void>): void {
    if (this.#closing.signal.aborted) return;
    const cancel = this.#deps.clock.after(ms, () => {
      this.#cancels.delete(cancel);
      fn().catch((error: unknown) => this.#deps.log('error', 'derp-map.failed', { error }));
    });
    this.#cancels.add(cancel);
  }
}

async function readMapFile(file: string): Promise<FromFile> {
  const stamp = await stampOf(file);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the relay map: ${why}`, { cause });
  });
  return { stamp, map: parseMap(text, file) };
}

/** Without what may be a secret in it: name and password, and a token behind the question mark. */
const nameOf = (url: URL): string => `${url.origin}${url.pathname}`;

async function stampOf(file: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(file);
    return `${ino} ${mtimeMs} ${size}`;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the relay map: ${why}`, { cause });
  }
}
