/** What a native engine was told that must be told again when another takes its place; sessions begin anew then. */
import { copyOf } from '#shared/bytes/bytes.ts';
import { maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import { REJECT_AFTER_MS } from '../wireguard/constants.ts';
import type { EngineOp, PeerId, Route } from './types.ts';

type Of<K extends EngineOp['op']> = Extract<EngineOp, { readonly op: K }>;

/** So many changes are kept, besides as many as there are routes, before they are put together with the table. */
const MAX_CHANGED = 1_000;

export class NativeMemory {
  #identity: Of<'set-identity'> | undefined;
  readonly #peers = new Map<PeerId, Of<'peer-add'>>();
  readonly #paths = new Map<PeerId, Of<'path-set'>>();
  /** When each peer got its newest keys. */
  readonly #keyedAt = new Map<PeerId, number>();
  /** The whole table as it was given last, and what was changed of it since: both are put together when they are asked for. */
  #routes: readonly Route[] = [];
  #changes: Of<'routes-change'>[] = [];
  #changed = 0;
  #filter: Of<'filter-set'> | undefined;
  #tcpOpen: Of<'tcp-open'> | undefined;
  #locals: Of<'local-ips'> | undefined;
  #flags: Of<'flags-set'> | undefined;

  /** An operation that was done. */
  note(op: EngineOp): void {
    switch (op.op) {
      case 'set-identity':
        this.#identity = { ...op, publicKey: copyOf(op.publicKey) };
        return;
      case 'peer-add':
        this.#peers.set(op.peer, { ...op, publicKey: copyOf(op.publicKey) });
        return;
      case 'peer-del':
        this.#peers.delete(op.peer);
        this.#paths.delete(op.peer);
        this.#keyedAt.delete(op.peer);
        return;
      case 'install-keypair':
        this.#keyedAt.set(op.keypair.peer, op.keypair.createdMs);
        return;
      case 'erase-keys':
        if (op.peer === 'all') this.#keyedAt.clear();
        else this.#keyedAt.delete(op.peer);
        return;
      case 'path-set':
        this.#paths.set(op.peer, op);
        return;
      case 'routes-set':
        this.#routes = op.routes;
        this.#changes = [];
        this.#changed = 0;
        return;
      case 'routes-change':
        this.#changes.push(op);
        this.#changed += op.remove.length + op.add.length;
        if (this.#changed > this.#routes.length + MAX_CHANGED) this.#putTogether();
        return;
      case 'filter-set':
        this.#filter = op;
        return;
      case 'tcp-open':
        this.#tcpOpen = op;
        return;
      case 'local-ips':
        this.#locals = op;
        return;
      case 'flags-set':
        this.#flags = op;
        return;
      default:
    }
  }

  /** The whole of it, for an engine that knows nothing. */
  ops(): EngineOp[] {
    if (this.#changes.length > 0) this.#putTogether();
    const routes = this.#routes.filter(({ peer }) => this.#peers.has(peer));
    const all = [
      this.#identity,
      this.#filter,
      this.#tcpOpen,
      this.#locals,
      this.#flags,
      ...this.#peers.values(),
      { op: 'routes-set', routes } as const,
      ...this.#paths.values(),
    ];
    return all.filter((op) => op !== undefined);
  }

  /** Peers whose keys were still good. */
  peersWithKeys(nowMs: number): PeerId[] {
    return [...this.#keyedAt].filter(([, at]) => nowMs - at < REJECT_AFTER_MS).map(([peer]) => peer);
  }

  #putTogether(): void {
    // By prefix, so that each is whose it was given last.
    const table = new Map(this.#routes.map((route) => [nameOf(route.prefix), route]));
    for (const { remove, add } of this.#changes) {
      for (const prefix of remove) table.delete(nameOf(prefix));
      for (const route of add) table.set(nameOf(route.prefix), route);
    }
    this.#routes = [...table.values()];
    this.#changes = [];
    this.#changed = 0;
  }
}

/** Equal prefixes may be written with other host bits. */
function nameOf(text: string): string {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return text;
  const { ip, bits } = maskPrefix(prefix);
  return String.fromCharCode(bits, ...ip);
}
