/**
 * Finds the rule that a packet meets without looking at each (data-plane.md §4.8).
 *
 * One entry per rule and destination, in the order of the rules. Source, destination, port and protocol each say by
 * themselves which entries they fit, as bits that are worked out when first asked for and then kept; a packet meets the
 * first entry that all of them have.
 */
import { type Prefix, parsePrefix } from '#shared/ip/address.ts';
import { PrefixTable } from '#shared/ip/table.ts';
import {
  addressSize,
  destinationAt,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  sourceAt,
} from './inner.ts';
import { firstOfAll, RuleBits } from './rule-bits.ts';
import { PROTOCOL_SCTP, PROTOCOL_UDP } from './transport.ts';
import type { FilterRuleSpec } from './types.ts';

const DEFAULT_PROTOCOLS: readonly number[] = [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMPV6];
const LAST_PORT = 65_535;
/** What is kept of all answers together; beyond it they are worked out anew. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

/** Of one IP version. */
export class RuleIndex {
  readonly #size: 4 | 16;
  readonly #sourceAt: number;
  readonly #targetAt: number;
  readonly #entries: readonly Entry[];
  readonly #sources: PrefixSets;
  readonly #targets: PrefixSets;
  /** Where ranges of ports begin or have ended, ascending: between two of them all ports fit the same entries. */
  readonly #edges: Uint32Array;
  /** Entries of single ports, and those of ranges. */
  readonly #onePort = new Map<number, number[]>();
  readonly #ranges: number[] = [];
  /** By the number of the edge. */
  #byPort: (RuleBits | undefined)[] = [];
  readonly #byProtocol = new Map<number, RuleBits>();
  #everyPort: RuleBits | undefined;
  /** Which entries fit the addresses of the packet that was looked at last. */
  #source: RuleBits | undefined;
  #target: RuleBits | undefined;
  #keptBytes = 0;

  constructor(rules: readonly FilterRuleSpec[], version: 4 | 6, texts: PrefixTexts = new PrefixTexts()) {
    this.#size = addressSize(version);
    this.#sourceAt = sourceAt(version);
    this.#targetAt = destinationAt(version);
    const entries: Entry[] = [];
    const targets = new PrefixSets(this.#size);
    const sources = new PrefixSets(this.#size);
    const lists = new SourceLists(this.#size, texts);
    const edges = new Set<number>([0]);
    for (const [rule, { protocols, sources: from, destinations }] of rules.entries()) {
      const list = lists.of(from);
      for (const { prefix: text, first, last } of destinations) {
        const prefix = texts.read(text);
        if (prefix?.ip.length !== this.#size) continue;
        this.#notePorts(entries.length, first, last);
        targets.add(prefix, entries.length);
        list.entries.push(entries.length);
        entries.push({
          rule,
          protocols: protocols.length === 0 ? DEFAULT_PROTOCOLS : protocols,
          first,
          last,
        });
        edges.add(first).add(last + 1);
      }
    }
    for (const { prefixes, entries: ofList } of lists.all())
      for (const prefix of ofList.length === 0 ? [] : prefixes) sources.addAll(prefix, ofList);
    this.#entries = entries;
    this.#targets = targets;
    this.#sources = sources;
    this.#edges = Uint32Array.from(edges).sort();
  }

  /** Number of the first rule that lets the packet in, or -1. ICMP passes with any rule for its addresses. */
  match(packet: Uint8Array, protocol: number, port: number): number {
    const source = this.#bitsOf(this.#sources, packet, this.#sourceAt);
    const target = source && this.#bitsOf(this.#targets, packet, this.#targetAt);
    this.#source = source;
    this.#target = target;
    if (source === undefined || target === undefined) return -1;
    if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6)
      return this.#ruleOf(firstOfAll(source, target, source, target));
    const hasPorts = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
    const ports = hasPorts ? this.#portBits(port) : this.#everyPortBits();
    return this.#ruleOf(firstOfAll(source, target, ports, this.#protocolBits(protocol)));
  }

  /** Number of the first rule for the addresses of the packet matched last, whatever its protocol and port; -1 without one. */
  nearMiss(): number {
    const source = this.#source;
    const target = this.#target;
    if (source === undefined || target === undefined) return -1;
    return this.#ruleOf(firstOfAll(source, target, source, target));
  }

  #ruleOf(entry: number): number {
    return entry < 0 ? -1 : (this.#entries[entry] as Entry).rule;
  }

  /** Undefined = no entry has that address. */
  #bitsOf(sets: PrefixSets, packet: Uint8Array, at: number): RuleBits | undefined {
    const id = sets.find(packet, at);
    if (id < 0) return undefined;
    return sets.known(id) ?? sets.keep(id, this.#made(sets.entriesOf(id)));
  }

  #portBits(port: number): RuleBits {
    const edge = lastNotAbove(this.#edges, port);
    let bits = this.#byPort[edge];
    if (bits === undefined) {
      const at = this.#edges[edge] as number;
      bits = this.#made([
        ...(this.#onePort.get(at) ?? []),
        ...this.#ranges.filter((entry) => this.#holds(entry, at)),
      ]);
      this.#byPort[edge] = bits;
    }
    return bits;
  }

  #holds(entry: number, port: number): boolean {
    const { first, last } = this.#entries[entry] as Entry;
    return first <= port && port <= last;
  }

  #notePorts(entry: number, first: number, last: number): void {
    if (first !== last) this.#ranges.push(entry);
    else if (this.#onePort.get(first)?.push(entry) === undefined) this.#onePort.set(first, [entry]);
  }

  #protocolBits(protocol: number): RuleBits {
    let bits = this.#byProtocol.get(protocol);
    if (bits === undefined) {
      bits = this.#made(this.#entriesThat(({ protocols }) => protocols.includes(protocol)));
      this.#byProtocol.set(protocol, bits);
    }
    return bits;
  }

  #everyPortBits(): RuleBits {
    this.#everyPort ??= this.#made(this.#entriesThat(({ first, last }) => first === 0 && last === LAST_PORT));
    return this.#everyPort;
  }

  *#entriesThat(fits: (entry: Entry) => boolean): Iterable<number> {
    for (const [i, entry] of this.#entries.entries()) if (fits(entry)) yield i;
  }

  #made(entries: Iterable<number>): RuleBits {
    const bits = new RuleBits(this.#entries.length, entries);
    this.#keptBytes += bits.bytes;
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#keptBytes = bits.bytes;
      this.#sources.forget();
      this.#targets.forget();
      this.#byPort = [];
    }
    return bits;
  }
}

/** Prefixes as they are written, each read once: rules name the same machines over and over. */
export class PrefixTexts {
  readonly #read = new Map<string, Prefix | undefined>();

  /** The same object for the same text; undefined for what is none. */
  read(text: string): Prefix | undefined {
    const known = this.#read.get(text);
    if (known !== undefined || this.#read.has(text)) return known;
    const prefix = parsePrefix(text);
    this.#read.set(text, prefix);
    return prefix;
  }
}

interface Entry {
  readonly rule: number;
  readonly protocols: readonly number[];
  readonly first: number;
  readonly last: number;
}

/** Prefixes and which entries each of them brings; the longest one that holds an address stands for all that do. */
class PrefixSets {
  readonly #table = new PrefixTable();
  readonly #ids = new Map<string, number>();
  readonly #idOfObject = new Map<Prefix, number>();
  readonly #prefixes: Prefix[] = [];
  readonly #entries: (readonly number[])[][] = [];
  #kept: (RuleBits | undefined)[] = [];
  readonly #size: 4 | 16;

  constructor(size: 4 | 16) {
    this.#size = size;
  }

  add(prefix: Prefix, entry: number): void {
    const list = this.#entries[this.#idOf(prefix)] as (readonly number[])[];
    // One growing list for single entries, so that ten thousand rules for one address don't make as many lists.
    if (list.length === 0) list.push([]);
    (list[0] as number[]).push(entry);
  }

  addAll(prefix: Prefix, entries: readonly number[]): void {
    (this.#entries[this.#idOf(prefix)] as (readonly number[])[]).push(entries);
  }

  find(packet: Uint8Array, at: number): number {
    return this.#table.lookupAt(packet, at, this.#size);
  }

  known(id: number): RuleBits | undefined {
    return this.#kept[id];
  }

  keep(id: number, bits: RuleBits): RuleBits {
    this.#kept[id] = bits;
    return bits;
  }

  forget(): void {
    this.#kept = [];
  }

  /** Of this prefix and of all shorter ones that hold it. */
  *entriesOf(id: number): Iterable<number> {
    const { ip, bits } = this.#prefixes[id] as Prefix;
    for (const other of this.#table.path(ip)) {
      if ((this.#prefixes[other] as Prefix).bits > bits) break;
      for (const list of this.#entries[other] as (readonly number[])[]) yield* list;
    }
  }

  #idOf(prefix: Prefix): number {
    const known = this.#idOfObject.get(prefix) ?? this.#newId(prefix);
    this.#idOfObject.set(prefix, known);
    return known;
  }

  #newId(prefix: Prefix): number {
    const key = `${masked(prefix)}/${prefix.bits}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#prefixes.length;
    this.#ids.set(key, id);
    this.#prefixes.push(prefix);
    this.#entries.push([]);
    this.#table.set(prefix, id);
    return id;
  }
}

/** The address bytes that count, as text; equal prefixes may be written with other host bits. */
function masked({ ip, bits }: Prefix): string {
  let text = '';
  for (let i = 0; i * 8 < bits; i++) {
    const keep = Math.min(8, bits - 8 * i);
    text += String.fromCharCode((ip[i] as number) & (0xff << (8 - keep)));
  }
  return text;
}

interface SourceList {
  readonly prefixes: readonly Prefix[];
  readonly entries: number[];
}

/** Rules share their sources: a list of thousands of addresses is read once. */
class SourceLists {
  readonly #size: 4 | 16;
  readonly #texts: PrefixTexts;
  readonly #byList = new Map<readonly string[], SourceList>();
  readonly #byText = new Map<string, SourceList>();

  constructor(size: 4 | 16, texts: PrefixTexts) {
    this.#size = size;
    this.#texts = texts;
  }

  of(texts: readonly string[]): SourceList {
    const known = this.#byList.get(texts);
    if (known !== undefined) return known;
    const text = texts.join(' ');
    let list = this.#byText.get(text);
    if (list === undefined) {
      const prefixes: Prefix[] = [];
      for (const one of texts) {
        const prefix = this.#texts.read(one);
        if (prefix?.ip.length === this.#size) prefixes.push(prefix);
      }
      list = { prefixes, entries: [] };
      this.#byText.set(text, list);
    }
    this.#byList.set(texts, list);
    return list;
  }

  all(): Iterable<SourceList> {
    return this.#byText.values();
  }
}

/** Position of the last edge that is not above `port`. */
function lastNotAbove(edges: Uint32Array, port: number): number {
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((edges[middle] as number) <= port) low = middle;
    else high = middle - 1;
  }
  return low;
}
