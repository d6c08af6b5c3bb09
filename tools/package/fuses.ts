/** Reads the switches that are burnt into an Electron binary (electron/docs/tutorial/fuses.md). */
import { readFileSync } from 'node:fs';

/** In the order of the wire, version 1. */
const NAMES = [
  'runAsNode',
  'cookieEncryption',
  'nodeOptions',
  'nodeCliInspect',
  'embeddedAsarIntegrityValidation',
  'onlyLoadAppFromAsar',
  'loadBrowserProcessSpecificV8Snapshot',
  'grantFileProtocolExtraPrivileges',
] as const;
export type Fuse = (typeof NAMES)[number];

/** What stands before the wire in each binary, so that tools find it. */
export const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const VERSION = 1;
const ON = 0x31;

/** As desktop.md §13 S10 wants them. */
export const WANTED_FUSES: Readonly<Record<Fuse, boolean>> = {
  runAsNode: false,
  cookieEncryption: false,
  nodeOptions: false,
  nodeCliInspect: false,
  embeddedAsarIntegrityValidation: true,
  onlyLoadAppFromAsar: true,
  loadBrowserProcessSpecificV8Snapshot: false,
  grantFileProtocolExtraPrivileges: false,
};

export function readFuses(binary: string): Readonly<Record<Fuse, boolean>> {
  const bytes = readFileSync(binary);
  const at = bytes.indexOf(SENTINEL) + SENTINEL.length;
  if (at < SENTINEL.length || bytes[at] !== VERSION)
    throw new Error(`${binary} has no fuses that are known here`);
  return Object.fromEntries(NAMES.map((name, n) => [name, bytes[at + 2 + n] === ON])) as Record<
    Fuse,
    boolean
  >;
}
