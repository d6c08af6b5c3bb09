/** The relay map from its sources: who wins, what a failure leaves, what is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Log, silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type DerpMap, derpMap } from '#shared/wire/map.ts';
import { type MapSources, mergeMaps, parseMap, RelayMap } from './map-sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-relay-map-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(folder, String(count++));

const text = (...ids: readonly number[]): string =>
  JSON.stringify({
    Regions: Object.fromEntries(
      ids.map((id) => [
        id,
        {
          RegionID: id,
          RegionCode: `r${id}`,
          RegionName: '',
          Nodes: [{ Name: `${id}a`, RegionID: id, HostName: `r${id}.test` }],
        },
      ]),
    ),
  });
const map = (...ids: readonly number[]): DerpMap => parseMap(text(...ids), 'here');
const without = (...ids: readonly number[]): DerpMap =>
  derpMap.parse({ Regions: Object.fromEntries(ids.map((id) => [id, null])) });
const idsOf = (one: DerpMap | undefined): readonly string[] => Object.keys(one?.Regions ?? {});

describe('merging', () => {
  test('a later source adds, replaces and takes away', () => {
    const other = derpMap.parse({ Regions: { 2: { RegionID: 2, RegionCode: 'other', RegionName: '' } } });
    const merged = mergeMaps([map(1, 2, 3), undefined, other, without(3)]);
    expect(idsOf(merged)).toEqual(['1', '2']);
    expect(merged?.Regions?.['2']?.RegionCode).toBe('other');
  });

  test('nothing left is undefined', () => {
    expect(mergeMaps([])).toBeUndefined();
    expect(mergeMaps([map(1), without(1)])).toBeUndefined();
  });

  test('scores of regions that went away go too', () => {
    const scored: DerpMap = { ...map(1, 2), HomeParams: { RegionScore: { 1: 2, 2: 3 } } };
    expect(mergeMaps([scored, without(2)])?.HomeParams?.RegionScore).toEqual({ 1: 2 });
  });
});

test("a region that replaces another does not get that one's score", () => {
  const scored: DerpMap = { ...map(1, 2), HomeParams: { RegionScore: { 1: 2, 2: 1_000 } } };
  const merged = mergeMaps([scored, map(2)]);
  expect(merged?.HomeParams?.RegionScore).toEqual({ 1: 2 });
});

test('only what official clients can read is passed on', () => {
  const one = text(1)
    .replace('"RegionName":""', '"RegionName":"","Latitude":50.1,"avoid":"yes"')
    .replace('"HostName"', '"stunport":"x","HostName"');
  const region = parseMap(one, 'here').Regions?.['1'];
  expect(region).toEqual({
    RegionID: 1,
    RegionCode: 'r1',
    RegionName: '',
    Latitude: 50.1,
    Nodes: [{ Name: '1a', RegionID: 1, HostName: 'r1.test' }],
  });
});

test.each([
  [
    'a latitude in words',
    text(1).replace('"RegionName":""', '"RegionName":"","Latitude":"50.1"'),
    'Latitude',
  ],
  ['a port that is none', text(1).replace('"HostName"', '"DERPPort":70000,"HostName"'), 'DERPPort'],
  ['a number too large', text(70_000), '"70000" is not the number of a region'],
  ['not JSON', 'x', 'is neither JSON nor YAML'],
  ['a list', '[]', 'is wrong'],
  ['a name for a number', '{"Regions":{"a":null}}', '"a" is not the number of a region'],
  ['a region under another number', text(1).replace('"1":', '"2":'), 'region 2 calls itself 1'],
  ['a node of another region', text(1).replace('"1a","RegionID":1', '"1a","RegionID":9'), 'is in 9'],
  ['two nodes of one name', text(1, 2).replace('2a', '1a'), 'two nodes 1a'],
])('%s is refused', (_, source, why) => expect(() => parseMap(source, 'here')).toThrow(why));

describe('sources', () => {
  const servers: Server[] = [];
  const maps: RelayMap[] = [];
  afterEach(() => {
    for (const one of maps.splice(0)) one[Symbol.dispose]();
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  interface Fixture {
    readonly map: RelayMap;
    readonly clock: FakeClock;
    readonly seen: (readonly string[])[];
    readonly cacheFile: string;
  }

  function sources(given: Partial<MapSources>, cacheFile = fresh(), log: Log = silent): Fixture {
    const clock = new FakeClock();
    const seen: (readonly string[])[] = [];
    const all = { urls: [], files: [], inline: undefined, refreshMs: 3_600_000, ...given };
    const changed = (merged: DerpMap | undefined): void => void seen.push(idsOf(merged));
    const one = new RelayMap(all, { clock, random: () => 0.5, log, cacheFile, changed });
    maps.push(one);
    return { map: one, clock, seen, cacheFile };
  }

  /** Serves what `body` says at the moment; undefined = status 500. */
  async function web(body: () => string | undefined): Promise<URL> {
    const server = createServer((_request, response) => {
      const now = body();
      response.writeHead(now === undefined ? 500 : 200).end(now);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/map`);
  }

  test('embedded, then URLs, then files, then the configuration', async () => {
    const file = fresh();
    writeFileSync(file, text(3));
    const url = await web(() => text(2));
    const { map: relays, clock, seen } = sources({ urls: [url], files: [file], inline: without(2) });
    await relays.start(map(1));
    await clock.advance(1);
    await expect.poll(() => seen.length).toBe(2);
    expect(idsOf(relays.current)).toEqual(['1', '3']);
  });

  test('a failed download changes nothing, and the next start has what the last good one gave', async () => {
    let body: string | undefined = text(7);
    const url = await web(() => body);
    const first = sources({ urls: [url] });
    await first.map.start(undefined);
    await first.clock.advance(1);
    await expect.poll(() => first.seen).toEqual([[], ['7']]);
    for (const bad of [undefined, 'x', '{}', '{"Regions":{}}', ' '.repeat(2_000_000)]) {
      body = bad;
      await first.clock.advance(3_600_000);
    }
    expect(idsOf(first.map.current)).toEqual(['7']);
    expect(JSON.parse(readFileSync(first.cacheFile, 'utf8'))).toHaveProperty([url.href]);
    const second = sources({ urls: [url] }, first.cacheFile);
    await second.map.start(undefined);
    expect(second.seen).toEqual([['7']]);
  });

  test('what comes later is told once', async () => {
    let body = text(7);
    let asked = 0;
    const url = await web(() => {
      asked++;
      return body;
    });
    const { map: relays, clock, seen } = sources({ urls: [url] });
    await relays.start(undefined);
    await clock.advance(1);
    await expect.poll(() => seen.length).toBe(2);
    await clock.advance(3_600_000);
    await expect.poll(() => asked).toBe(2);
    body = text(7, 8);
    await expect
      .poll(async () => {
        await clock.advance(3_600_000);
        return seen.at(-1);
      })
      .toEqual(['7', '8']);
    expect(seen).toHaveLength(3);
  });

  test('a file is looked at again; a broken one changes nothing', async () => {
    const file = fresh();
    writeFileSync(file, text(3));
    const { map: relays, clock, seen } = sources({ files: [file] });
    await relays.start(undefined);
    writeFileSync(file, 'broken');
    await clock.advance(10_000);
    expect(idsOf(relays.current)).toEqual(['3']);
    writeFileSync(file, text(3, 4));
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return seen.at(-1);
      })
      .toEqual(['3', '4']);
  });

  test('a failed download is told without the secrets of its URL', async () => {
    const url = await web(() => 'x');
    Object.assign(url, { username: 'who', password: 'secret', search: '?token=secret' });
    const said: unknown[] = [];
    const log = Object.assign((...line: unknown[]) => void said.push(line), { child: () => silent });
    const { map: relays, clock } = sources({ urls: [url] }, fresh(), log);
    await relays.start(undefined);
    await clock.advance(1);
    await expect.poll(() => said.length).toBe(1);
    expect(JSON.stringify(said)).toContain('/map');
    expect(JSON.stringify(said)).not.toContain('secret');
  });

  test('a file that is missing or wrong at the start is an error', async () => {
    await expect(sources({ files: [fresh()] }).map.start(undefined)).rejects.toThrow(
      "can't read the relay map",
    );
    const file = fresh();
    writeFileSync(file, '{"Regions":{"1":{}}}');
    await expect(sources({ files: [file] }).map.start(undefined)).rejects.toThrow('is wrong');
  });

  test('a cache that is no good is no error', async () => {
    const cacheFile = fresh();
    writeFileSync(cacheFile, 'x');
    const url = await web(() => text(1));
    await sources({ urls: [url] }, cacheFile).map.start(undefined);
  });
});
