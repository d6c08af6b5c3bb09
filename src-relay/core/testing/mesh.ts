/** Relays of one region that reach each other in memory, whose links can be cut. */
import { RhumbError } from '#shared/errors.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import type { ConnEvents, RelayConn } from '../conn.ts';
import type { RelayServer } from '../server.ts';

/** One end of a stream between two relays: what one end sends, the other reads in a later turn. */
class End implements RelayConn {
  #events: ConnEvents | undefined;
  #other: End | undefined;
  #early: Uint8Array[] = [];
  #isOver = false;

  static pair(): readonly [End, End] {
    const [a, b] = [new End(), new End()];
    a.#other = b;
    b.#other = a;
    return [a, b];
  }

  start(events: ConnEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) this.read(bytes);
  }

  send(bytes: Uint8Array): boolean {
    const copy = Uint8Array.from(bytes);
    const other = this.#other;
    queueMicrotask(() => other?.read(copy));
    return true;
  }

  isStalled(): boolean {
    return false;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy();
  }

  destroy(): void {
    const ends = [this, this.#other];
    queueMicrotask(() => {
      for (const end of ends) end?.close();
    });
  }

  read(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#events === undefined) this.#early.push(bytes);
    else this.#events.data(Buffer.from(bytes));
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events?.closed('cut');
  }
}

export class TestMesh {
  /** By name; a relay that is down is not in here. */
  readonly relays = new Map<string, RelayServer>();
  readonly #ends: { readonly to: string; readonly end: End }[] = [];
  readonly #stop = new AbortController();

  /** All links, each relay with every one including itself, as a shared list in the configuration does it. */
  async linkAll(names: readonly string[] = [...this.relays.keys()]): Promise<void> {
    for (const name of names) this.link(name);
    await settle();
    await settle();
  }

  link(from: string): void {
    const relay = this.relays.get(from);
    for (const to of this.#names()) {
      const target = { name: to, dial: async () => this.#dial(to) };
      void relay?.meshWith(target, this.#stop.signal);
    }
  }

  cut(to: string): void {
    for (const link of this.#ends) if (link.to === to) link.end.destroy();
  }

  stop(): void {
    this.#stop.abort(new RhumbError('unavailable', 'the test is over'));
  }

  #names(): readonly string[] {
    return [...this.relays.keys()];
  }

  #dial(to: string): RelayConn {
    const relay = this.relays.get(to);
    if (relay === undefined) throw new RhumbError('unavailable', `dial ${to}: connection refused`);
    const [ours, theirs] = End.pair();
    this.#ends.push({ to, end: ours });
    void relay.accept(theirs, {
      remote: { ip: '10.0.0.1', port: 443 },
      transport: 'derp',
      isIdeal: true,
    });
    return ours;
  }
}
