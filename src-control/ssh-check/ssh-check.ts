/** Check mode of SSH: a session from one machine to another goes on when its person has proved recently who they are (policy.md §11.4). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from '../state/network.ts';
import { lastProof, rememberProof, type SshSession, speaksFor, sshEntry } from '../state/ssh-checks.ts';
import type { Actor, NodeRecord, UserRecord } from '../store/records.ts';
import { WaitingSessions } from './waiting.ts';

/** What the policy says about it. */
export interface SshRules {
  settle(): void;
  sshCheckOf(source: number, destination: number, login: string): { readonly periodMs: number } | undefined;
  readonly sshVersion: string;
}

export interface SshCheckDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  readonly rules: SshRules;
  readonly mintId: () => string;
}

/** As the destination's SSH server understands it (control-protocol.md §4.9). */
export interface SshAction {
  readonly message?: string;
  readonly accept?: true;
  readonly reject?: true;
  readonly holdAndDelegate?: string;
  readonly allowAgentForwarding?: true;
  readonly allowLocalPortForwarding?: true;
  readonly allowRemotePortForwarding?: true;
}

export interface Asking {
  readonly source: number;
  readonly destination: number;
  readonly login: string;
  /** Of the session that waits, when this is not the first time it asks. */
  readonly waitingId: string | undefined;
}

const ACCEPT: SshAction = {
  accept: true,
  allowAgentForwarding: true,
  allowLocalPortForwarding: true,
  allowRemotePortForwarding: true,
};
const NO_RULE = 'no rule of this network lets you in here as that user';
const REJECTED = 'the sign-in for this session was turned down';

export class SshCheck {
  readonly #deps: SshCheckDeps;
  readonly waiting: WaitingSessions;

  constructor(deps: SshCheckDeps) {
    this.#deps = deps;
    this.waiting = new WaitingSessions(deps.clock, deps.mintId);
  }

  /** What the destination is to do. `by` is the node that asks: only the destination itself may, whatever the address says. */
  async actionFor(by: readonly NodeRecord[], asking: Asking, signal: AbortSignal): Promise<SshAction> {
    const { network, rules } = this.#deps;
    const destination = by.find(({ id }) => id === asking.destination);
    if (destination === undefined)
      throw new RhumbError('not-allowed', 'this machine is not the one that the session goes to');
    const source = network.node(asking.source)?.record;
    rules.settle();
    // One answer for machines that are not there and for those without a rule: ids can't be tried out.
    const rule =
      source === undefined ? undefined : rules.sshCheckOf(asking.source, asking.destination, asking.login);
    if (source === undefined || rule === undefined) return { reject: true, message: NO_RULE };
    const session = { source, destination, login: asking.login };
    return asking.waitingId === undefined
      ? this.#begin(session, rule.periodMs)
      : this.#follow(session, asking.waitingId, signal);
  }

  #begin(session: SshSession, periodMs: number): SshAction {
    const { network, clock, rules } = this.#deps;
    const now = clock.now();
    const provenAt = lastProof(network, session, rules.sshVersion, now);
    return provenAt !== undefined && now - provenAt < periodMs ? ACCEPT : this.#hold(session);
  }

  async #follow(session: SshSession, id: string, signal: AbortSignal): Promise<SshAction> {
    const known = this.waiting.sessionOf(id);
    // Over, or from before a restart: to wait for it would hold the terminal until it gives up.
    if (known === undefined) return this.#hold(session);
    if (!isSame(known, session)) throw new RhumbError('not-allowed', 'this check belongs to another session');
    const verdict = await this.waiting.wait(id, signal);
    if (verdict === undefined) return this.#hold(session);
    if (verdict === 'rejected') return { reject: true, message: REJECTED };
    // The policy may have changed while somebody signed in.
    const { rules } = this.#deps;
    rules.settle();
    const { source, destination, login } = session;
    return rules.sshCheckOf(source.id, destination.id, login) === undefined
      ? { reject: true, message: NO_RULE }
      : ACCEPT;
  }

  #hold(session: SshSession): SshAction {
    const { serverUrl, log } = this.#deps;
    const { id, number } = this.waiting.open(session);
    const { source, destination, login } = session;
    log('info', 'ssh.check-waits', { source: source.id, destination: destination.id, login });
    const path = `/machine/ssh/action/${source.id}/to/${destination.id}`;
    const query = new URLSearchParams({ local_user: login, auth_id: id });
    return {
      message: `# This session needs a fresh sign-in. Open ${serverUrl}/auth/${id}\n# and compare: the page must show the number ${number}.\n`,
      holdAndDelegate: `${serverUrl}${path}?${query}`,
    };
  }

  /** Why this user may not answer; undefined when they may. */
  refusalFor({ source }: SshSession, user: UserRecord): 'not-theirs' | undefined {
    // As it is now: it may have changed hands since it asked.
    const now = this.#deps.network.node(source.id)?.record;
    return now !== undefined && speaksFor(now, user) ? undefined : 'not-theirs';
  }

  /** Throws `not-found` when nobody waits there (any more). Without a user it counts for this one session only. */
  async answer(id: string, isYes: boolean, user: UserRecord | undefined, by: Actor): Promise<void> {
    const { network, clock, log, rules } = this.#deps;
    const waiting = this.waiting.get(id);
    if (waiting === undefined) throw new RhumbError('not-found', 'no SSH session waits there any more');
    const { session } = waiting;
    const now = clock.now();
    const about = { source: session.source.id, destination: session.destination.id, by: by.name };
    if (isYes && user !== undefined) await rememberProof(network, session, rules.sshVersion, user, now, by);
    else
      await network.save({ writes: [], audit: [sshEntry(isYes ? 'approve' : 'reject', session, now, by)] });
    // Not before it is on disk: what was let in must be in the log.
    this.waiting.settle(id, isYes ? 'accepted' : 'rejected');
    log('info', isYes ? 'ssh.check-passed' : 'ssh.check-rejected', about);
  }
}

const isSame = (a: SshSession, b: SshSession): boolean =>
  a.source.id === b.source.id && a.destination.id === b.destination.id && a.login === b.login;
