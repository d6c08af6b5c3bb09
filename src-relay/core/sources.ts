/** Who has had packets from whom, so that they can be told when a source leaves the region (PeerGone "disconnected"). */

export interface Listener {
  /** The source has left the whole region. */
  onSourceGone(source: string): void;
}

/** Both directions, so that the end of either side forgets the pair. */
export class Sources<L extends Listener> {
  readonly #listeners = new Map<string, Set<L>>();

  add(source: string, listener: L): void {
    const listeners = this.#listeners.get(source);
    if (listeners === undefined) this.#listeners.set(source, new Set([listener]));
    else listeners.add(listener);
  }

  remove(source: string, listener: L): void {
    const listeners = this.#listeners.get(source);
    if (listeners?.delete(listener) === true && listeners.size === 0) this.#listeners.delete(source);
  }

  /** Tells and forgets. */
  gone(source: string): void {
    const listeners = this.#listeners.get(source);
    if (listeners === undefined) return;
    this.#listeners.delete(source);
    for (const listener of listeners) listener.onSourceGone(source);
  }
}
