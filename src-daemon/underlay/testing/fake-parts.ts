/** For tests: parts of the underlay that do nothing by themselves. */
import type { Clock } from '#shared/async/clock.ts';
import { silent } from '#shared/log/log.ts';
import { newDraft } from '#shared/netcheck/report.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { CounterSet } from '../../derp/counters.ts';
import type { DerpCounters, RelayState } from '../../derp/types.ts';
import type { OpenUnderlay } from '../open.ts';
import type { Checker, Mapper, Relays } from '../ports.ts';
import { Underlay } from '../underlay.ts';

export class FakeRelays implements Relays {
  home = 0;
  hasKey = false;
  map: DerpMap | undefined;
  changes = 0;
  readonly sent: { readonly region: number; readonly to: string; readonly packet: Uint8Array }[] = [];
  /** Through which region every peer is reached. */
  route: number | undefined;
  setIdentity(key: unknown): void {
    this.hasKey = key !== undefined;
  }
  setMap(map: DerpMap | undefined): void {
    this.map = map;
  }
  setHome(home: number): void {
    this.home = home;
  }
  heardAtMs(): number | undefined {
    return undefined;
  }
  networkChanged(): void {
    this.changes++;
  }
  setIpv6Working(): void {}
  send(region: number, to: string, packet: Uint8Array): boolean {
    this.sent.push({ region, to, packet: packet.slice() });
    return true;
  }
  routeFor(): number | undefined {
    return this.route;
  }
  states: readonly RelayState[] = [];
  regions(): readonly RelayState[] {
    return this.states;
  }
  counters(): DerpCounters {
    return new CounterSet().snapshot();
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

export const idleMapper: Mapper = {
  setLocalPort: () => undefined,
  mapped: () => undefined,
  networkChanged: () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/** Answers at once that nothing answered. */
export const deafChecker: Checker = {
  run: async () => newDraft(),
  fastStun: async () => ({ v4: [], v6: [], mappingVariesByDestIp: undefined, mappings: [] }),
  handleStun: () => false,
  networkChanged: () => undefined,
  counters: { sent: 0, answered: 0, unknown: 0, wrongSource: 0, malformed: 0 },
};

/** An underlay without a network beyond this machine's own addresses. */
export const quietUnderlay =
  (clock: Clock, relays: Relays = new FakeRelays(), mapper: Mapper = idleMapper): OpenUnderlay =>
  (around) =>
    new Underlay({
      clock,
      random: () => 0.5,
      log: silent,
      checker: deafChecker,
      mapper,
      relays,
      isPortFixed: true,
      port: () => around.port(),
      lastTrafficMs: () => around.lastTrafficMs(),
      events: {
        endpoints: (list) => around.endpoints(list),
        checked: () => undefined,
        relaysChanged: () => around.relaysChanged(),
      },
    });
