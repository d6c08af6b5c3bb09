/** Grants with their selectors resolved once: finished rules, and what waits for a machine (policy.md §7.2). */
import type { CapMap } from '../language/ast.ts';
import type { ProtoPorts } from '../language/ports.ts';
import { parseSelector, type Selector } from '../language/selector.ts';
import {
  type Cidr,
  cidrsOf,
  contains,
  EMPTY,
  isEmpty,
  type RangeSet,
  setOfAddrs,
  setOfCidrs,
  stringsOf,
  union,
} from '../sets/ranges.ts';
import type { Place } from '../text/tree.ts';
import type { Grant } from './grants.ts';
import { type Machine, overlapsSubnet } from './network.ts';
import { RangeMemo } from './range-memo.ts';
import type { Resolver } from './resolver.ts';
import {
  ANYONE,
  capRules,
  fixedTargets,
  NO_SOURCES,
  portRules,
  type Rule,
  type Sources,
  sourcesOf,
  type Target,
  targetsOfAddrs,
  targetsOfCidrs,
  targetsOfInternet,
} from './rules.ts';

export interface ViaPart {
  readonly tags: readonly string[];
  readonly sources: Sources;
  readonly cidrs: readonly Cidr[];
  readonly hasInternet: boolean;
}

export interface CompiledGrant {
  readonly grant: Grant;
  /** The merged set of all sources, after postures. */
  readonly sourceSet: RangeSet;
  /** The same everywhere. */
  readonly rules: readonly Rule[];
  /** What goes to the machines of one owner; empty for most. */
  readonly selfRules: (userId: number) => readonly Rule[];
  readonly via: ViaPart | undefined;
}

const NOTHING: readonly Rule[] = [];
const never = (): readonly Rule[] => NOTHING;

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Every active subnet route once, in the order of the machines: what `*` as a source also means (policy.md §7.4). */
export function routeTexts(machines: readonly Machine[]): readonly Cidr[] {
  const seen = new Map<string, Cidr>();
  for (const { subnetRoutes } of machines) for (const route of subnetRoutes) seen.set(route.text, route);
  return [...seen.values()];
}

/** Sources by their selectors: many rules have the same. */
interface KnownSources {
  readonly selectors: readonly string[];
  readonly hasAny: boolean;
  readonly hasPosture: boolean;
  /** After postures, per selector and together. */
  readonly perUse: readonly RangeSet[];
  readonly set: RangeSet;
  readonly sources: Sources;
}

export class GrantCompiler {
  readonly #resolver: Resolver;
  readonly #memo = new RangeMemo();
  #routes: readonly Cidr[];
  readonly #sources = new Map<string, KnownSources>();
  /** What was known before the last refresh, to keep what comes out the same. */
  readonly #stale = new Map<string, Sources>();
  readonly #targets = new Map<string, readonly Target[]>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
    this.#routes = routeTexts(resolver.machines);
  }

  /** Every active subnet route of the network. */
  get routes(): readonly Cidr[] {
    return this.#routes;
  }

  /**
   * Forgets what rests on these selectors, on the routes of the network where they changed, and on postures. Gives the
   * entries of destination lists that came or went.
   */
  refresh(selectors: ReadonlySet<string>, hasNewRoutes: boolean): readonly Target[] {
    if (hasNewRoutes) this.#routes = routeTexts(this.#resolver.machines);
    for (const [key, known] of this.#sources) {
      const isStale =
        known.hasPosture ||
        (known.hasAny && hasNewRoutes) ||
        known.selectors.some((one) => selectors.has(one));
      if (!isStale) continue;
      this.#stale.set(key, known.sources);
      this.#sources.delete(key);
    }
    const moved: Target[] = [];
    for (const text of selectors) {
      const known = this.#targets.get(text);
      if (known === undefined) continue;
      this.#targets.delete(text);
      const selector = parseSelector(text);
      if (typeof selector === 'string') continue;
      const next = this.#targetsOf(selector);
      const [was, is] = [new Set(known.map(({ IP }) => IP)), new Set(next.map(({ IP }) => IP))];
      moved.push(...known.filter(({ IP }) => !is.has(IP)), ...next.filter(({ IP }) => !was.has(IP)));
    }
    return moved;
  }

  /** Ends what `refresh` began: sources that came out the same were found. */
  settled(): void {
    this.#stale.clear();
  }

  compile(grant: Grant): CompiledGrant {
    if (grant.src.length === 0)
      return { grant, sourceSet: EMPTY, rules: NOTHING, selfRules: never, via: undefined };
    const { perUse, set: sourceSet, sources } = this.#sourcesOf(grant);
    const nothing = { grant, sourceSet, rules: NOTHING, selfRules: never, via: undefined };
    if (grant.via.length > 0) return { ...nothing, via: this.#via(grant, sources) };
    const selfRules = grant.hasSelf ? this.#selfRules(grant, perUse) : never;
    return { ...nothing, rules: this.#regular(grant, sources, perUse), selfRules };
  }

  #sourcesOf(grant: Grant): KnownSources {
    const postures = this.#resolver.posturesOf(grant.srcPosture);
    const selectors = grant.src.map(({ selector }) => selector.text);
    const key = JSON.stringify([selectors, postures.map(({ text }) => text)]);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const perUse = grant.src.map((use) => this.#resolver.sourceSet(use, postures));
    const set = union(perUse);
    const hasPosture = postures.length > 0;
    const fresh = this.#makeSources(grant, perUse, set, hasPosture);
    const before = this.#stale.get(key);
    const sources = before !== undefined && isSameList(before.strings, fresh.strings) ? before : fresh;
    const hasAny = grant.src.some(({ selector }) => selector.kind === 'any');
    const made = { selectors, hasAny, hasPosture, perUse, set, sources };
    this.#sources.set(key, made);
    return made;
  }

  #makeSources(grant: Grant, perUse: readonly RangeSet[], set: RangeSet, hasPosture: boolean): Sources {
    if (isEmpty(set)) return NO_SOURCES;
    if (!hasPosture && grant.src.some(({ selector }) => selector.text === 'autogroup:danger-all'))
      return ANYONE;
    const texts = this.#memo.strings(set);
    if (hasPosture || !grant.src.some(({ selector }) => selector.kind === 'any'))
      return sourcesOf(set, texts);
    const strings = [...texts, ...this.#routes.map(({ text }) => text)];
    const seen = new Set(strings);
    for (const [i, use] of grant.src.entries()) {
      if (use.selector.kind === 'any') continue;
      for (const text of this.#memo.strings(perUse[i] ?? set)) {
        if (seen.has(text)) continue;
        seen.add(text);
        strings.push(text);
      }
    }
    return sourcesOf(union([set, setOfCidrs(this.#routes)]), strings);
  }

  #targetsOf(selector: Selector): readonly Target[] {
    const known = this.#targets.get(selector.text);
    if (known !== undefined) return known;
    const made = fixedTargets(selector) ?? this.#memo.targets(this.#resolver.setOf(selector));
    this.#targets.set(selector.text, made);
    return made;
  }

  #regular(grant: Grant, sources: Sources, perUse: readonly RangeSet[]): readonly Rule[] {
    const { at, dst, ip, app } = grant;
    const sets = dst.map((use) => this.#resolver.setOf(use.selector));
    const rules: Rule[] = portRules(
      at,
      sources,
      ip,
      dst.map((use) => this.#targetsOf(use.selector)),
    );
    if (app === undefined) return rules;
    const reverse = (): Sources => {
      const hasAny = dst.some(({ selector }) => selector.kind === 'any');
      const strings = sets.flatMap(stringsOf);
      if (hasAny) strings.push(...this.#routes.map(({ text }) => text));
      return sourcesOf(union([...sets, ...(hasAny ? [setOfCidrs(this.#routes)] : [])]), strings);
    };
    const dsts = sets.map(cidrsOf);
    return [...rules, ...capRules(at, sources, perUse.flatMap(cidrsOf), app, dsts, reverse)];
  }

  /** Of a source only the machines of the same owner count; one matching address admits both (policy.md §7.5). */
  #selfRules(grant: Grant, perUse: readonly RangeSet[]): (userId: number) => readonly Rule[] {
    const cache = new Map<number, readonly Rule[]>();
    return (userId) => {
      const known = cache.get(userId);
      if (known !== undefined) return known;
      const own = this.#resolver.ownedBy(userId);
      const admitted = own.filter(({ addrs }) =>
        perUse.some((set) => addrs.some((addr) => contains(set, addr))),
      );
      const set = setOfAddrs(admitted.flatMap(({ addrs }) => addrs));
      const rules = isEmpty(set) ? NOTHING : selfRulesFor(grant.at, grant.ip, grant.app, set, own);
      cache.set(userId, rules);
      return rules;
    };
  }

  #via(grant: Grant, sources: Sources): ViaPart | undefined {
    if (grant.ip.length === 0 || sources.strings.length === 0) return undefined;
    const isInternet = (text: string): boolean => text === 'autogroup:internet';
    return {
      tags: grant.via,
      sources,
      cidrs: grant.dst
        .filter(({ selector }) => !isInternet(selector.text))
        .flatMap(({ selector }) => cidrsOf(this.#resolver.setOf(selector))),
      hasInternet: grant.dst.some(({ selector }) => isInternet(selector.text)),
    };
  }
}

function selfRulesFor(
  at: Place,
  ip: readonly ProtoPorts[],
  app: CapMap | undefined,
  set: RangeSet,
  own: readonly Machine[],
): readonly Rule[] {
  const sources = sourcesOf(set);
  // Per machine, each port range with each address: the order of the wire (policy.md §7.5).
  const blocks = own.map(({ addrs }) => targetsOfAddrs(addrs));
  const rules: Rule[] = portRules(at, sources, ip, blocks).map((rule) => ({ ...rule, isPortFirst: true }));
  if (app === undefined) return rules;
  const dsts = own.map(({ addrSet }) => cidrsOf(addrSet));
  const reverse = (): Sources => sourcesOf(setOfAddrs(own.flatMap(({ addrs }) => addrs)));
  return [...rules, ...capRules(at, sources, cidrsOf(set), app, dsts, reverse)];
}

/** Only on machines with one of the tags, only for what they serve (policy.md §7.5). */
export function viaRules(compiled: CompiledGrant, machine: Machine): readonly Rule[] {
  const { via, grant } = compiled;
  if (via === undefined || !via.tags.some((tag) => machine.tags.includes(tag))) return NOTHING;
  const served = targetsOfCidrs(via.cidrs.filter((cidr) => overlapsSubnet(machine, cidr)));
  const blocks = via.hasInternet && machine.isExit ? [served, targetsOfInternet] : [served];
  return portRules(grant.at, via.sources, grant.ip, blocks);
}
