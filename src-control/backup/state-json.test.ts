/** The state as JSON: everything comes back as it was, nothing that is no state is taken, and no secret leaves unasked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Put } from '../store/records.ts';
import { sampleRecords } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { exportState, importState } from './state-json.ts';

const options = { nowMs: 0, program: '1.2.3', files: { 'oidc.key': 'abc\n' } };

async function sample() {
  const store = await openMemoryStore(0);
  const puts = Object.entries(sampleRecords).map(([kind, value]) => ({ put: kind, value }) as Put);
  const settings = { 'noise-key': 'privkey:secret', 'next-authKey-id': '9', dns: '{}' };
  await store.commit([
    ...puts,
    ...Object.entries(settings).map(([key, value]) => ({ put: 'setting', key, value }) as const),
  ]);
  return store;
}

/** Through text, as it is on disk. */
const asText = (json: object): unknown => JSON.parse(JSON.stringify(json));

describe('a state', () => {
  test('comes back whole when its secrets are with it', async () => {
    const before = await (await sample()).load();
    const read = importState(asText(exportState(before, { ...options, withSecrets: true })));
    expect(read.files).toEqual(options.files);
    expect(read.left).toEqual([]);
    const store = await openMemoryStore(0);
    await store.commit(read.writes);
    expect(await store.load()).toEqual(before);
  });

  test('leaves without any secret unless that is asked for, and can be taken in all the same', async () => {
    const json = exportState(await (await sample()).load(), { ...options, withSecrets: false });
    const text = JSON.stringify(json);
    for (const secret of ['privkey', 'AQL/', 'sealed', 'idHash', 'abc\\n'])
      expect(text).not.toContain(secret);
    const read = importState(JSON.parse(text));
    expect(read.left).toEqual([expect.stringMatching(/1 of authKey/), expect.stringMatching(/1 of apiKey/)]);
    const store = await openMemoryStore(0);
    await store.commit(read.writes);
    const { tables, settings } = await store.load();
    expect(tables.node).toEqual([sampleRecords.node]);
    expect(tables.authKey[0]?.revokedAt).toBe(10);
    expect([...settings.keys()].sort()).toEqual(['dns', 'next-authKey-id']);
  });
});

describe('what is no state', () => {
  const good = async (): Promise<Record<string, unknown>> =>
    asText(exportState(await (await sample()).load(), { ...options, withSecrets: true })) as never;

  test.each([
    ['another program’s', { format: 'x' }, /no state of rhumb-control/],
    ['a newer version’s', { version: 2 }, /newer rhumb-control/],
    ['one with an unknown kind', { tables: { planet: [] } }, /tables/],
    ['one with a file that leads elsewhere', { files: { '../x': '' } }, /files/],
    ['one with a wrong row', { tables: { user: [{ id: 'x' }] } }, /user\.0: /],
    [
      'one with an unknown member',
      { tables: { freedAddress: [{ id: 1, address: 'a', until: 1, x: 1 }] } },
      /"x"/,
    ],
  ])('is refused: %s', async (_what, change, why) => {
    const json = { ...(await good()), ...change };
    expect(() => importState(json)).toThrow(why);
  });

  test('never breaks the reader', async () => {
    const json = await good();
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(sampleRecords)), fc.jsonValue(), (kind, junk) => {
        try {
          importState({ ...json, tables: { [kind]: [junk] } });
        } catch (error) {
          expect(error).toMatchObject({ name: 'RhumbError', code: 'bad-argument' });
        }
      }),
    );
  });
});
