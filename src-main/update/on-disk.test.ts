/** The version of what lies on disk, read from a folder and from an archive as packages bring it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { versionOnDisk } from './on-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-on-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As the packer of Electron writes them: two pickles, one with the list of files, then the files. */
function archive(files: Readonly<Record<string, string>>): Buffer {
  let offset = 0;
  const list: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(files)) {
    list[name] = { size: Buffer.byteLength(text), offset: String(offset) };
    offset += Buffer.byteLength(text);
  }
  const text = Buffer.from(JSON.stringify({ files: list }));
  const padded = Math.ceil(text.length / 4) * 4;
  const prefix = Buffer.alloc(16 + padded);
  [4, 8 + padded, 4 + padded, text.length].forEach((number, n) => void prefix.writeUInt32LE(number, n * 4));
  text.copy(prefix, 16);
  return Buffer.concat([prefix, ...Object.values(files).map((one) => Buffer.from(one))]);
}

const write = (name: string, bytes: Buffer | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

test('of a checkout', () => {
  write('package.json', '{"version":"1.2.3"}');
  expect(versionOnDisk(folder)).toBe('1.2.3');
});

test('of an archive, wherever in it the file is', () => {
  const files = { 'main.js': 'ünicode;', 'package.json': '{"name":"x","version":"2.0.0"}', 'z.js': '' };
  expect(versionOnDisk(write('app.asar', archive(files)))).toBe('2.0.0');
});

test('an archive that was replaced is read anew', () => {
  const path = write('again.asar', archive({ 'package.json': '{"version":"1.0.0"}' }));
  expect(versionOnDisk(path)).toBe('1.0.0');
  write('again.asar', archive({ 'a.js': 'longer now', 'package.json': '{"version":"1.0.1"}' }));
  expect(versionOnDisk(path)).toBe('1.0.1');
});

const whole = archive({ 'package.json': '{"version":"1.0.0"}' });
const endless = Buffer.from(whole);
endless.writeUInt32LE(0xff_ff_ff_ff, 12);

test.each<readonly [string, Buffer]>([
  ['empty', Buffer.alloc(0)],
  ['cut within its list', whole.subarray(0, 30)],
  ['cut within its files', whole.subarray(0, whole.length - 4)],
  ['one with an endless list', endless],
  ['one without the file', archive({ 'a.js': '' })],
  ['one whose version is none', archive({ 'package.json': '{"version":7}' })],
])('of an archive that is %s nobody can say', (name, bytes) => {
  expect(versionOnDisk(write(`${name}.asar`, bytes))).toBeUndefined();
});

test('of nothing nobody can say', () => expect(versionOnDisk(join(folder, 'none'))).toBeUndefined());
