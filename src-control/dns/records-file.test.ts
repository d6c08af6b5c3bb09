/** The watched file of records: what it takes, when it is read, and that a mistake in it changes nothing. */
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { ExtraRecord } from './record.ts';
import { parseRecordsFile, RecordsFile } from './records-file.ts';

const text = (value: string): string => JSON.stringify([{ name: 'a.example.org', type: 'A', value }]);

async function watching(content: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-records-'));
  const path = join(folder, 'records.json');
  writeFileSync(path, content);
  const clock = new FakeClock();
  const seen: (readonly ExtraRecord[])[] = [];
  const problems: (string | undefined)[] = [];
  const file = new RecordsFile(path, {
    clock,
    log: silent,
    changed: (records) => seen.push(records),
    troubled: (problem) => problems.push(problem),
  });
  onTestFinished(() => {
    file[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, path, clock, seen, problems, file };
}
/** Moves the clock until `holds`; reading the file takes its own time. */
const until = (clock: FakeClock, holds: () => boolean): Promise<void> =>
  vi.waitFor(async () => {
    await clock.advance(300);
    expect(holds()).toBe(true);
  });

describe('watching', () => {
  test('a change is taken over, and what only looks like one is not', async () => {
    const { path, clock, seen, problems, file } = await watching(text('192.0.2.1'));
    await file.start();
    expect(seen.map(([one]) => one?.value)).toEqual(['192.0.2.1']);
    writeFileSync(path, text('192.0.2.1'));
    await until(clock, () => problems.length === 1);
    expect(seen).toHaveLength(1);
    writeFileSync(path, text('192.0.2.22'));
    await until(clock, () => seen.length === 2);
    expect(seen[1]).toEqual([{ name: 'a.example.org', type: 'A', value: '192.0.2.22' }]);
  });

  test('a mistake, an empty file and a missing one keep what was there until the file is well again', async () => {
    const { path, clock, seen, problems, file } = await watching(text('192.0.2.1'));
    await file.start();
    for (const [wrong, words] of [
      ['[{"name":"a.example.org","value":"192.0.2."}]', /entry 0: "192\.0\.2\." is not an IP address/],
      ['', /is not JSON/],
    ] as const) {
      writeFileSync(path, wrong);
      await until(clock, () => words.test(problems.at(-1) ?? ''));
    }
    rmSync(path);
    await until(clock, () => /can't read the DNS records/.test(problems.at(-1) ?? ''));
    expect(seen).toHaveLength(1);
    writeFileSync(path, text('192.0.2.3'));
    await until(clock, () => seen.length === 2);
    expect(problems.at(-1)).toBeUndefined();
  });

  test('a link that leads elsewhere is a change, as when a folder of configuration is swapped', async () => {
    const { folder, path, clock, seen, file } = await watching(text('192.0.2.1'));
    renameSync(path, join(folder, 'old'));
    symlinkSync(join(folder, 'old'), path);
    await file.start();
    writeFileSync(join(folder, 'new'), text('192.0.2.2'));
    symlinkSync(join(folder, 'new'), join(folder, 'link'));
    renameSync(join(folder, 'link'), path);
    await until(clock, () => seen.length === 2);
  });

  test('nothing is left when it ends, and the first time the file must be right', async () => {
    const { clock, file } = await watching(text('192.0.2.1'));
    await file.start();
    file[Symbol.dispose]();
    expect(clock.pending).toBe(0);
    const wrong = await watching('{}');
    await expect(wrong.file.start()).rejects.toThrow(/the file: /);
  });
});

describe('what it takes', () => {
  test.each([
    ['{}', /the file: /],
    ['[{"name":"a.b"}]', /0\.value: /],
    ['[{"name":"a.b","value":"1.2.3.4","ttl":1}]', /ttl/],
    ['[{"name":"a.b","value":"1.2.3.4"},{"name":"a.b","value":"1.2.3.4"}]', /entry 1: .* is there already/],
    [
      '[{"name":"a.b","type":"CNAME","value":"c.d"},{"name":"a.b","value":"1.2.3.4"}]',
      /entry 1: a\.b has a CNAME/,
    ],
  ])('%s is refused with its place', (content, words) =>
    expect(() => parseRecordsFile(content, 'f')).toThrow(words),
  );
});
