/** What the native engine answers when it is asked: counters, its peers' activity, what rules did, its ends (data-plane.md §4.6). */
import { EngineFailure, type EngineHandle, type EngineLibrary } from '../ffi/engine.ts';
import { COUNTER_NAMES } from './counters.ts';
import type { FilterRuleCount, PeerActivity, PeerId } from './types.ts';

const COUNTER_BYTES = 8;
/** Number, padding, ten words (`native/src/peer.rs`). */
const ACTIVITY_BYTES = 88;
const RULE_BYTES = 16;
/** Room for the answer of an engine that has had to do with few. */
const FEW_PEERS = 64;
/** A port, and a device's name of any system. */
const ENDS_BYTES = 64;

export function readStats(library: EngineLibrary, engine: EngineHandle): Record<string, bigint> {
  const bytes = ask(COUNTER_NAMES.length * COUNTER_BYTES, (out) => library.stats(engine, out));
  const view = new DataView(bytes.buffer);
  return Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, countAt(view, COUNTER_BYTES * i)]));
}

/** The listed peers, or all that ever had traffic. */
export function readPeers(
  library: EngineLibrary,
  engine: EngineHandle,
  ids: readonly PeerId[] | undefined,
): PeerActivity[] {
  // To the engine an empty list means all.
  if (ids?.length === 0) return [];
  const numbers = new Uint8Array(Uint32Array.from(ids ?? []).buffer);
  const room = (ids?.length ?? FEW_PEERS) * ACTIVITY_BYTES;
  const bytes = ask(room, (out) => library.peers(engine, numbers, out));
  const view = new DataView(bytes.buffer);
  const found: PeerActivity[] = [];
  for (let at = 0; at + ACTIVITY_BYTES <= bytes.length; at += ACTIVITY_BYTES)
    found.push(activityAt(view, at));
  return found;
}

/** Of so many rules, since the engine was given them. */
export function readRules(
  library: EngineLibrary,
  engine: EngineHandle,
  count: number,
): readonly FilterRuleCount[] {
  const bytes = ask(count * RULE_BYTES, (out) => library.rules(engine, out));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, i) => ({
    passed: Number(countAt(view, RULE_BYTES * i)),
    nearMisses: Number(countAt(view, RULE_BYTES * i + 8)),
  }));
}

/** Bound port, 0 without one; the device's name, empty without one. */
export function readEnds(
  library: EngineLibrary,
  engine: EngineHandle,
): { readonly port: number; readonly name: string } {
  const bytes = ask(ENDS_BYTES, (out) => library.ends(engine, out));
  if (bytes.length < 2) return { port: 0, name: '' };
  const port = new DataView(bytes.buffer).getUint16(0, true);
  return { port, name: new TextDecoder().decode(bytes.subarray(2)) };
}

/** The answer in an array of its own; `room` is a guess. An engine that failed has none: no bytes. */
function ask(room: number, call: (out: Uint8Array) => number): Uint8Array<ArrayBuffer> {
  // It says in four bytes how much it needs.
  for (let size = Math.max(room, 4); ; ) {
    const out = new Uint8Array(size);
    const length = call(out);
    if (length !== EngineFailure.TooSmall) return out.slice(0, Math.max(0, length));
    size = new DataView(out.buffer).getUint32(0, true);
  }
}

/** 0 where there is no such count. */
const countAt = (view: DataView, at: number): bigint =>
  at + 8 <= view.byteLength ? view.getBigUint64(at, true) : 0n;

function activityAt(view: DataView, at: number): PeerActivity {
  const word = (i: number): number => Number(view.getBigUint64(at + 8 + 8 * i, true));
  return {
    peer: view.getUint32(at, true),
    unansweredSince: word(0),
    keepaliveOwedSince: word(1),
    lastTxAny: word(2),
    lastRxAny: word(3),
    rxBestAt: word(4),
    lastHandshakeMs: word(5),
    txBytes: word(6),
    rxBytes: word(7),
    txPackets: word(8),
    rxPackets: word(9),
  };
}
