/** Finding out what is wrong: the network check, and a report for others that gives nothing away. */
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { expect } from 'vitest';
import { button, tab as tabNamed } from '../thing.ts';
import { goTo, type Parts } from './parts.ts';

export async function checkNetwork(parts: Parts): Promise<void> {
  const { tab, hands } = parts;
  await goTo(parts, 'Diagnostics');
  await hands.press(tabNamed('Network'));
  await hands.press(button('Check the network'));
  await tab.hears('The network has been checked', 'polite');
  await tab.reads('Public IPv4 address');
  await tab.keepsFocus();
}

export async function buildReport(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await goTo(parts, 'Diagnostics');
  await hands.press(tabNamed('Report'));
  await hands.press(button('Make a report'));
  await tab.page.getByText('status.json').waitFor();
  await tab.keepsFocus();
  const saved = tab.page.waitForEvent('download');
  await hands.press(button('Save as zip'));
  await tab.hears('The report was saved', 'polite');
  const files = unzip(readFileSync(await (await saved).path()));
  expect([...files.keys()]).toContain('status.json');
  for (const [name, text] of files) expect(world.secretsIn(text), name).toEqual([]);
}

const LOCAL_HEADER = 0x04034b50;
const HEADER_BYTES = 30;

/** The files of an archive whose local headers know all lengths, as ours do. */
function unzip(bytes: Buffer): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (let at = 0; bytes.readUInt32LE(at) === LOCAL_HEADER; ) {
    const length = bytes.readUInt32LE(at + 18);
    const nameEnd = at + HEADER_BYTES + bytes.readUInt16LE(at + 26);
    const begin = nameEnd + bytes.readUInt16LE(at + 28);
    const content = bytes.subarray(begin, begin + length);
    const isDeflated = bytes.readUInt16LE(at + 8) === 8;
    const text = isDeflated ? inflateRawSync(content) : content;
    files.set(bytes.toString('utf8', at + HEADER_BYTES, nameEnd), text.toString('utf8'));
    at = begin + length;
  }
  return files;
}
