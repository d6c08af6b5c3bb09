/** Zip files that other programs can open. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crc32, zip } from './zip.ts';

test('the checksum is the well-known one', () =>
  // The check value of CRC-32/ISO-HDLC in every catalogue of them.
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926));

test('another program reads back what went in', async () => {
  const texts = { 'state.json': '{"a":1}'.repeat(500), 'größe.txt': 'ä\n', 'empty.txt': '' };
  const blob = await zip(Object.entries(texts).map(([name, text]) => ({ name, text })));
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-zip-'));
  try {
    const file = join(folder, 'report.zip');
    writeFileSync(file, new Uint8Array(await blob.arrayBuffer()));
    const script =
      'import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; ' +
      'print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))';
    expect(JSON.parse(execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }))).toEqual(texts);
    expect(blob.size).toBeLessThan(1_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
