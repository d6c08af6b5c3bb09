/** Through which region a peer last reached us, so that we can answer there without dialling its home (nat-traversal.md §1.12). */
import type { NodeKey } from '#shared/key/key.ts';

interface Route {
  readonly region: number;
  readonly generation: number;
}

/** A relay can name any number of senders; the oldest are forgotten. */
const MAX_ROUTES = 65_536;

export class ReverseRoutes {
  readonly #routes = new Map<NodeKey, Route>();

  get size(): number {
    return this.#routes.size;
  }

  /** `generation` numbers the connections: a route is worth nothing on another than the one it was learned on. */
  note(peer: NodeKey, region: number, generation: number): void {
    const known = this.#routes.get(peer);
    if (known?.region === region && known.generation === generation) return;
    this.#routes.delete(peer);
    if (this.#routes.size >= MAX_ROUTES) {
      const [oldest] = this.#routes.keys();
      if (oldest !== undefined) this.#routes.delete(oldest);
    }
    this.#routes.set(peer, { region, generation });
  }

  /** The region, when the connection it was learned on is the one that is open now. */
  get(peer: NodeKey, openGeneration: (region: number) => number | undefined): number | undefined {
    const route = this.#routes.get(peer);
    return route !== undefined && openGeneration(route.region) === route.generation
      ? route.region
      : undefined;
  }

  forget(peer: NodeKey, region: number): void {
    if (this.#routes.get(peer)?.region === region) this.#routes.delete(peer);
  }

  /** The connection to that region ended. */
  forgetRegion(region: number): void {
    for (const [peer, route] of this.#routes) if (route.region === region) this.#routes.delete(peer);
  }
}
