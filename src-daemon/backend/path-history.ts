/** By what ways each peer was reached lately, for whoever wonders why it is slow now. */
import { formatSockAddr } from '#shared/ip/address.ts';
import type { EnginePath, PeerId } from '../magicsock/types.ts';

export interface PathChange {
  /** Wall clock, ms. */
  readonly atMs: number;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

const KEPT = 32;

const inWords = ({ mode, direct, relayRegion }: EnginePath): string =>
  [
    mode,
    direct === undefined ? '' : formatSockAddr(direct),
    relayRegion === undefined || relayRegion === 0 ? '' : `relay ${relayRegion}`,
  ]
    .filter((word) => word !== '')
    .join(' ');

export class PathHistory {
  readonly #changes = new Map<PeerId, PathChange[]>();

  note(peer: PeerId, path: EnginePath, nowMs: number): void {
    const kept = this.#changes.get(peer) ?? [];
    const from = kept.at(-1)?.to ?? 'none';
    const to = inWords(path);
    if (from === to) return;
    kept.push({ atMs: nowMs, what: 'path', from, to });
    if (kept.length > KEPT) kept.shift();
    this.#changes.set(peer, kept);
  }

  of(peer: PeerId): readonly PathChange[] {
    return this.#changes.get(peer) ?? [];
  }

  /** Of peers that are no more. */
  forget(peers: Iterable<PeerId>): void {
    for (const id of peers) this.#changes.delete(id);
  }
}
