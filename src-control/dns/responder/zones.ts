/** What the responder may say: to the network's own, everything; to anybody, only what a certificate authority asks for. */
import type { Clock } from '#shared/async/clock.ts';
import type { Network } from '../../state/network.ts';
import { isWithin } from '../names.ts';
import type { ExtraRecord } from '../record.ts';
import type { DnsView } from '../view.ts';
import { type ZoneData, zoneData } from './zone-data.ts';

export interface ResponderZonesDeps {
  readonly view: DnsView;
  readonly network: Network;
  readonly clock: Clock;
  readonly nameServer: string;
  /** The base domain is delegated to the responder, for challenges. */
  readonly isDelegated: boolean;
}

export class ResponderZones implements Disposable {
  readonly #deps: ResponderZonesDeps;
  readonly #unsubscribe: () => void;
  readonly #challenges = new Map<string, ExtraRecord[]>();
  #all: ZoneData | undefined;
  #open: ZoneData | undefined;

  constructor(deps: ResponderZonesDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.network.subscribe((changes) => {
      if (changes.some(({ kind }) => kind === 'dns' || kind === 'reset')) this.#forget();
    });
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  get all(): ZoneData {
    this.#all ??= this.#make(this.#deps.view.records);
    return this.#all;
  }

  get open(): ZoneData {
    this.#open ??= this.#make([]);
    return this.#open;
  }

  addChallenge(name: string, value: string): void {
    const records = this.#challenges.get(name) ?? [];
    if (!records.some((record) => record.value === value))
      this.#challenges.set(name, [...records, { name, type: 'TXT', value }]);
    this.#forget();
  }

  removeChallenge(name: string, value: string): void {
    const left = (this.#challenges.get(name) ?? []).filter((record) => record.value !== value);
    if (left.length === 0) this.#challenges.delete(name);
    else this.#challenges.set(name, left);
    this.#forget();
  }

  #forget(): void {
    this.#all = undefined;
    this.#open = undefined;
  }

  #make(records: readonly ExtraRecord[]): ZoneData {
    const { view, isDelegated, nameServer, clock } = this.#deps;
    const delegated = isDelegated ? [view.baseDomain] : [];
    const isWithinDelegated = (name: string): boolean => delegated.some((zone) => isWithin(name, zone));
    // A name alone is a zone of its own: nothing else in its domain is ours to answer for.
    const zones = records
      .map(({ name }) => name.replace(/^\*\./, ''))
      .filter((name) => !isWithinDelegated(name));
    return zoneData({
      zones: [...delegated, ...outermost(zones)],
      nameServer,
      serial: Math.floor(clock.now() / 1_000) % 2 ** 32,
      records: [...records, ...[...this.#challenges.values()].flat()],
      addressesOf: (name) => view.addressesOf(name),
    });
  }
}

function outermost(names: readonly string[]): readonly string[] {
  const all = new Set(names);
  return [...all].filter((name) => {
    for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1))
      if (all.has(name.slice(at + 1))) return false;
    return true;
  });
}
