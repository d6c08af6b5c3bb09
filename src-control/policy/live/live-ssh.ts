/** The SSH rules of the network, each resolved once and again only when something in it moved (policy.md §11). */
import type { Machine } from '../compile/network.ts';
import type { Resolver } from '../compile/resolver.ts';
import { type PreparedSsh, prepareSsh, sshRulesFor, type WireSshRule } from '../compile/ssh.ts';
import type { SshRule } from '../language/ast.ts';
import { addrText } from '../sets/ranges.ts';
import { mapsLogin } from '../verdict/run-ssh-tests.ts';
import type { SshCheck } from './view.ts';

/** What moved since the rules were resolved. */
export interface SshMove {
  readonly selectors: ReadonlySet<string>;
  /** As they were and as they are. */
  readonly machines: readonly Machine[];
  readonly hasNewUsers: boolean;
}

interface Slot {
  readonly rule: SshRule;
  readonly selectors: ReadonlySet<string>;
  readonly hasPosture: boolean;
  prepared: PreparedSsh | undefined;
}

const NS_PER_MS = 1_000_000n;

export class LiveSsh {
  readonly #resolver: Resolver;
  readonly #serverUrl: string;
  readonly #slots: readonly Slot[];

  constructor(resolver: Resolver, serverUrl: string) {
    this.#resolver = resolver;
    this.#serverUrl = serverUrl;
    this.#slots = (resolver.ast.ssh ?? []).map((rule) => ({
      rule,
      selectors: new Set([
        ...[...rule.src, ...rule.dst].map(({ selector }) => selector.text),
        ...rule.recorder.map(({ text }) => text),
      ]),
      hasPosture: resolver.posturesOf(rule.srcPosture).length > 0,
      prepared: prepareSsh(resolver, rule, serverUrl),
    }));
  }

  rulesFor(machine: Machine): readonly WireSshRule[] | undefined {
    if (this.#resolver.ast.ssh === undefined) return undefined;
    return sshRulesFor(
      this.#slots.flatMap(({ prepared }) => prepared ?? []),
      machine,
    );
  }

  /** Resolves again what the move touches; gives the indices of machines whose rules may be others. */
  move(move: SshMove): ReadonlySet<number> {
    const touched = new Set<number>();
    for (const slot of this.#slots) {
      if (!isTouched(slot, move)) continue;
      const before = slot.prepared;
      slot.prepared = prepareSsh(this.#resolver, slot.rule, this.#serverUrl);
      for (const one of [before, slot.prepared]) for (const index of this.#concerned(one)) touched.add(index);
    }
    return touched;
  }

  checkOf(source: Machine, destination: Machine, login: string): SshCheck | undefined {
    const addrs = new Set(source.addrs.map(addrText));
    const found = this.#slots
      .flatMap(({ prepared }) => (prepared?.isCheck === true ? [prepared] : []))
      .find((prepared) =>
        sshRulesFor([prepared], destination).some(
          ({ principals, sshUsers }) =>
            principals.some(({ nodeIP }) => addrs.has(nodeIP)) && mapsLogin(sshUsers, login),
        ),
      );
    return found === undefined ? undefined : { periodMs: Number(found.rule.checkPeriodNs / NS_PER_MS) };
  }

  *#concerned(prepared: PreparedSsh | undefined): Generator<number> {
    if (prepared === undefined) return;
    yield* prepared.destinations;
    if (prepared.localparts !== undefined) yield* prepared.sources;
    if (!prepared.hasSelf && prepared.localparts === undefined) return;
    for (const { id } of prepared.owners) for (const { index } of this.#resolver.ownedBy(id)) yield index;
  }
}

const isTouched = ({ selectors, hasPosture, prepared, rule }: Slot, move: SshMove): boolean =>
  hasPosture ||
  (move.hasNewUsers && rule.users.some(({ text }) => text.startsWith('localpart:'))) ||
  [...move.selectors].some((text) => selectors.has(text)) ||
  move.machines.some(
    ({ index, tags }) => prepared?.sources.has(index) === true || tags.some((tag) => selectors.has(tag)),
  );
