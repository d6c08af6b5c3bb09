/** Finds devices by anything that is known of them; the better the match, the further up (desktop.md §5.4). */
import { parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { ownerOf, systemName } from '../../lib/devices.ts';

/** Lower is better. */
export const RANK = { namePrefix: 0, wordPrefix: 1, nameInside: 2, address: 3, rest: 4 } as const;

interface Entry {
  readonly device: Device;
  readonly name: string;
  readonly words: readonly string[];
  readonly dnsName: string;
  readonly addresses: readonly string[];
  readonly rest: string;
}

/** Made once for a list, so that each key that is pressed only compares. */
export type Index = readonly Entry[];

export const indexOf = (devices: readonly Device[], users: Snapshot['users']): Index =>
  devices.map((device) => knownEntry(device, users));

const known = new WeakMap<Device, { readonly users: Snapshot['users']; readonly entry: Entry }>();

/** Of thousands of devices few change at a time. */
function knownEntry(device: Device, users: Snapshot['users']): Entry {
  const before = known.get(device);
  if (before?.users === users) return before.entry;
  const entry = entryOf(device, users);
  known.set(device, { users, entry });
  return entry;
}

function entryOf(device: Device, users: Snapshot['users']): Entry {
  const owner = ownerOf(device, users);
  const name = device.name.toLowerCase();
  return {
    device,
    name,
    words: name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== ''),
    dnsName: device.dnsName.toLowerCase(),
    addresses: device.addresses.map((one) => one.toLowerCase()),
    rest: [
      device.hostName,
      owner?.displayName ?? '',
      owner?.loginName ?? '',
      ...device.tags,
      device.os,
      systemName(device.os),
      ...device.routes,
    ]
      .join('\n')
      .toLowerCase(),
  };
}

/** Every word must be found; the worst of them ranks the whole. Equal ranks keep their order. */
export function search(index: Index, text: string): readonly Device[] {
  const words = wordsOf(text);
  if (words.length === 0) return index.map(({ device }) => device);
  const found: Device[][] = [[], [], [], [], []];
  for (const entry of index) {
    const rank = rankOf(entry, words);
    if (rank !== undefined) found[rank]?.push(entry.device);
  }
  return found.flat();
}

export const wordsOf = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');

function rankOf(entry: Entry, words: readonly string[]): number | undefined {
  let worst = 0;
  for (const word of words) {
    const rank = rankOfWord(entry, word);
    if (rank === undefined) return undefined;
    worst = Math.max(worst, rank);
  }
  return worst;
}

function rankOfWord({ name, words, dnsName, addresses, rest }: Entry, word: string): number | undefined {
  if (name.startsWith(word)) return RANK.namePrefix;
  if (words.some((one) => one.startsWith(word))) return RANK.wordPrefix;
  if (name.includes(word) || dnsName.startsWith(word)) return RANK.nameInside;
  if (word.includes('/') && isWithin(addresses, word)) return RANK.address;
  if (addresses.some((one) => one.startsWith(word) || (word.length > 2 && one.endsWith(word))))
    return RANK.address;
  return dnsName.includes(word) || rest.includes(word) ? RANK.rest : undefined;
}

/** `100.64.0.0/24` finds who has an address there. */
function isWithin(addresses: readonly string[], text: string): boolean {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return false;
  return addresses.some((address) => {
    const ip = parseIp(address);
    return ip !== undefined && prefixContains(prefix, ip);
  });
}

export interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

/** The text in pieces, for marking what was found. */
export function piecesOf(text: string, words: readonly string[]): readonly Piece[] {
  const lower = text.toLowerCase();
  // Letters that change their length with their case can not be marked by place.
  if (words.length === 0 || lower.length !== text.length) return [{ text, isMatch: false }];
  const isMarked = new Uint8Array(text.length);
  for (const word of words)
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length))
      isMarked.fill(1, at, at + word.length);
  const pieces: Piece[] = [];
  for (let from = 0; from < text.length; ) {
    let to = from + 1;
    while (to < text.length && isMarked[to] === isMarked[from]) to += 1;
    pieces.push({ text: text.slice(from, to), isMatch: isMarked[from] === 1 });
    from = to;
  }
  return pieces;
}
