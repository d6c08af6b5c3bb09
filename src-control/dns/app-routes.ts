/** Where machines send questions for the domains of apps: to the connectors that are online and answer them (coordination-server.md §24.3). */
import type { Clock } from '#shared/async/clock.ts';
import { type Change, What } from '../state/changes.ts';
import { isExpired, type Network } from '../state/network.ts';
import type { WireResolver } from './nameserver.ts';

/** What of the policy this needs. */
export interface AppPolicy {
  settle(): void;
  /** Cheap: whether anything below can have an answer. */
  readonly hasApps: boolean;
  /** `askers` is another text when others may ask. */
  connectors(): readonly {
    readonly id: number;
    readonly domains: readonly string[];
    readonly askers: string;
  }[];
  mayAsk(viewer: number, connector: number): boolean;
  hasIpv4(node: number): boolean;
}

export interface AppRoutesDeps {
  readonly network: Network;
  readonly policy: AppPolicy;
  readonly clock: Clock;
  /** Runs a function after everybody has heard of a change; `setImmediate` in production. */
  readonly defer: (fn: () => void) => void;
}

export type SplitRoutes = Readonly<Record<string, readonly WireResolver[]>>;

/** A connector that answers now. */
interface Answering {
  readonly id: number;
  /** As split DNS has them: a name stands for those below it too. */
  readonly suffixes: readonly string[];
  readonly url: string;
  readonly askers: string;
}

/** As clients name it among their services. */
const PEER_API = 'peerapi4';
const WATCHED = What.Whole | What.Routes | What.Tags | What.Online | What.Expiry | What.Key;

export class AppRoutes implements Disposable {
  readonly #deps: AppRoutesDeps;
  readonly #unsubscribe: () => void;
  #answering: readonly Answering[] = [];
  #key = '[]';
  #isScheduled = false;
  #isClosed = false;
  /** By ids of the connectors: many machines ask the same ones. */
  readonly #routes = new Map<string, SplitRoutes>();

  constructor(deps: AppRoutesDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.network.subscribe((changes) => this.#onChanges(changes));
    this.#look();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  /** Undefined where the machine asks nobody; the same object while nothing changes. A connector resolves its own apps itself. */
  routesOf(viewer: number): SplitRoutes | undefined {
    const { policy } = this.#deps;
    if (this.#answering.length === 0 || !policy.hasIpv4(viewer)) return undefined;
    const asked = this.#answering.filter(({ id }) => id !== viewer && policy.mayAsk(viewer, id));
    if (asked.length === 0) return undefined;
    const own = new Set(this.#answering.find(({ id }) => id === viewer)?.suffixes);
    const key = `${asked.map(({ id }) => id).join()} ${[...own].join()}`;
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const routes = routesTo(asked, own);
    this.#routes.set(key, routes);
    return routes;
  }

  #onChanges(changes: readonly Change[]): void {
    const { policy, defer } = this.#deps;
    const isOther = changes.some((change) => {
      if (change.kind === 'policy' || change.kind === 'reset') return true;
      if (change.kind === 'dns' || !policy.hasApps) return false;
      return change.kind !== 'node' || (change.what & WATCHED) !== 0;
    });
    if (!isOther || this.#isScheduled) return;
    this.#isScheduled = true;
    defer(() => {
      this.#isScheduled = false;
      if (!this.#isClosed && this.#look()) this.#deps.network.announce([{ kind: 'dns' }]);
    });
  }

  /** Whether somebody must be told otherwise now. */
  #look(): boolean {
    const { policy } = this.#deps;
    policy.settle();
    const answering = policy.connectors().flatMap((one) => {
      const url = this.#urlOf(one.id);
      const suffixes = [...new Set(one.domains.map((domain) => domain.replace(/^\*\./, '')))];
      return url === undefined || suffixes.length === 0
        ? []
        : [{ id: one.id, suffixes, url, askers: one.askers }];
    });
    const key = JSON.stringify(answering);
    if (key === this.#key) return false;
    this.#key = key;
    this.#answering = answering;
    this.#routes.clear();
    return true;
  }

  /**
   * Of its client's own web server; undefined while nobody can ask there. By IPv4 alone: official clients never find that a
   * question from an IPv6 address is permitted, unless both machines are one person's.
   */
  #urlOf(id: number): string | undefined {
    const { network, policy, clock } = this.#deps;
    const view = network.node(id);
    if (view === undefined || !view.isOnline || isExpired(view.record, clock.now())) return undefined;
    const port = view.record.hostinfo.Services?.find(({ Proto }) => Proto === PEER_API)?.Port ?? 0;
    if (port === 0 || view.record.ipv4 === '' || !policy.hasIpv4(id)) return undefined;
    return `http://${view.record.ipv4}:${port}/dns-query`;
  }
}

/** A client asks all of a list at once: each of the connectors learns the address, and any of them can carry it. */
function routesTo(asked: readonly Answering[], own: ReadonlySet<string>): SplitRoutes {
  const routes = new Map<string, WireResolver[]>();
  for (const { suffixes, url } of asked)
    for (const suffix of suffixes) {
      if (own.has(suffix)) continue;
      const list = routes.get(suffix);
      // Names of an app stay with its connectors while the rest goes through an exit node.
      const resolver = { Addr: url, UseWithExitNode: true } as const;
      if (list === undefined) routes.set(suffix, [resolver]);
      else list.push(resolver);
    }
  return Object.fromEntries(routes);
}
