/** What a native engine was told that must be told again when another takes its place; sessions begin anew then. */
import { copyOf } from '#shared/bytes/bytes.ts';
import { maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import type { EngineOp, PeerId, Route } from './types.ts';

type Of<K extends EngineOp['op']> = Extract<EngineOp, { readonly op: K }>;

export class NativeMemory {
  #identity: Of<'set-identity'> | undefined;
  readonly #peers = new Map<PeerId, Of<'peer-add'>>();
  readonly #paths = new Map<PeerId, Of<'path-set'>>();
  /** By prefix, so that each is whose it was given last. */
  #routes = new Map<string, Route>();
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
        return;
      case 'path-set':
        this.#paths.set(op.peer, op);
        return;
      case 'routes-set':
        this.#routes = new Map(op.routes.map((route) => [nameOf(route.prefix), route]));
        return;
      case 'routes-change':
        for (const prefix of op.remove) this.#routes.delete(nameOf(prefix));
        for (const route of op.add) this.#routes.set(nameOf(route.prefix), route);
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
    const routes = [...this.#routes.values()].filter(({ peer }) => this.#peers.has(peer));
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
}

/** Equal prefixes may be written with other host bits. */
function nameOf(text: string): string {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return text;
  const { ip, bits } = maskPrefix(prefix);
  return `${ip.join('.')}/${bits}`;
}
