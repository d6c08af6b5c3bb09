/** Approves the routes for which the policy asks no administrator: when a machine comes, announces others or changes hands, and when the policy changes. */
import type { Log } from '#shared/log/log.ts';
import { announcedRoutes, EXIT_ROUTES, isExitRoute, sortRoutes } from '../state/announced.ts';
import { type Change, What } from '../state/changes.ts';
import type { Network } from '../state/network.ts';
import { SYSTEM } from '../state/node-entry.ts';
import { changeNode } from '../state/nodes.ts';
import type { NodeRecord } from '../store/records.ts';

/** What of the policy this needs. */
export interface ApprovingPolicy {
  settle(): void;
  autoApprovedOf(node: number): readonly string[];
  /** Those of the routes that the apps which the machine serves may bring. */
  routesOfApps(node: number, routes: readonly string[]): ReadonlySet<string>;
}

export interface AutoApprovalDeps {
  readonly network: Network;
  readonly policy: ApprovingPolicy;
  readonly log: Log;
  /** Runs a function after everybody has heard of a change; `setImmediate` in production. */
  readonly defer: (fn: () => void) => void;
}

/** Setting with the version of the policy by which every router was judged. */
const JUDGED_BY = 'auto-approved-by';

const newestPolicy = (network: Network): string =>
  String(Math.max(0, ...[...network.policies.values()].map(({ id }) => id)));

export class AutoApproval implements Disposable {
  readonly #deps: AutoApprovalDeps;
  /** As what each router was last judged: an administrator who takes a route away must not find it back at once. */
  readonly #judged = new Map<number, string>();
  readonly #due = new Set<number>();
  #isAllDue = false;
  #isScheduled = false;
  readonly #unsubscribe: () => void;

  constructor(deps: AutoApprovalDeps) {
    this.#deps = deps;
    for (const { record } of deps.network.nodes()) this.#judged.set(record.id, judgedAs(record));
    this.#unsubscribe = deps.network.subscribe((changes) => this.#onChanges(changes));
    // A file that was changed while the server was down, or a server that ended before it had judged.
    if (deps.network.setting(JUDGED_BY) !== newestPolicy(deps.network)) this.#onChanges([{ kind: 'policy' }]);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#due.clear();
    this.#isAllDue = false;
  }

  #onChanges(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'policy' || change.kind === 'reset') this.#isAllDue = true;
      else if (change.kind === 'removed') this.#judged.delete(change.id);
      else if (change.kind === 'node' && change.what & (What.Whole | What.Routes | What.Tags))
        this.#note(change.id);
    }
    if ((this.#due.size === 0 && !this.#isAllDue) || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#deps.defer(() => this.#run());
  }

  #note(id: number): void {
    const record = this.#deps.network.node(id)?.record;
    if (record !== undefined && this.#judged.get(id) !== judgedAs(record)) this.#due.add(id);
  }

  #run(): void {
    const { network, policy, log } = this.#deps;
    this.#isScheduled = false;
    const isAllDue = this.#isAllDue;
    const due = isAllDue ? [...network.nodes()].map(({ record }) => record.id) : [...this.#due];
    this.#isAllDue = false;
    this.#due.clear();
    if (due.length > 0) policy.settle();
    for (const id of due)
      this.#judge(id).catch((error: unknown) => log('error', 'node.not-written', { node: id, error }));
    if (isAllDue) this.#noteAllJudged();
  }

  /** After the approvals, so that none of them is missing when this is on disk. */
  #noteAllJudged(): void {
    const { network, log } = this.#deps;
    const value = newestPolicy(network);
    if (network.setting(JUDGED_BY) === value) return;
    network
      .save({ writes: [{ put: 'setting', key: JUDGED_BY, value }], pace: 'lazy' })
      .catch((error: unknown) => log('error', 'route.not-written', { error }));
  }

  async #judge(id: number): Promise<void> {
    const { network, policy, log } = this.#deps;
    const record = network.node(id)?.record;
    if (record === undefined) return;
    this.#judged.set(id, judgedAs(record));
    const announced = announcedRoutes(record);
    // A name leads elsewhere every few hours: what an app brought and is gone would be approved again if it came back.
    const unannounced = record.approvedRoutes.filter((route) => !announced.includes(route));
    const passing = policy.routesOfApps(id, unannounced);
    const kept = record.approvedRoutes.filter((route) => !passing.has(route));
    const gone = record.approvedRoutes.length - kept.length;
    if (announced.length === 0 && gone === 0) return;
    const wanted = policy
      .autoApprovedOf(id)
      .flatMap((route) => (isExitRoute(route) ? EXIT_ROUTES : [route]))
      .filter((route) => !record.approvedRoutes.includes(route));
    if (wanted.length === 0 && gone === 0) return;
    const approvedRoutes = sortRoutes([...kept, ...wanted]);
    const routes = [...new Set(wanted)];
    log('info', 'route.auto-approved', {
      node: id,
      name: record.givenName,
      routes,
      ...(gone > 0 && { gone }),
    });
    const deed = {
      action: 'approve',
      property: 'routes',
      old: record.approvedRoutes.join(' '),
      new: approvedRoutes.join(' '),
      details: 'autoApprovers or app connectors of the policy',
    };
    await changeNode(network, { ...record, approvedRoutes }, What.Routes, deed, SYSTEM);
  }
}

/** Whatever the policy's answer rests on, besides the policy. */
const judgedAs = (record: NodeRecord): string =>
  `${record.userId} ${record.tags.join()} ${announcedRoutes(record).join()}`;
