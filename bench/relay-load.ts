/** A process that puts load on a relay, told by its parent: flows in closed loop, a latency probe, or idle clients. */
import { Buffer } from 'node:buffer';
import { RhumbError } from '#shared/errors.ts';
import { clock } from '../e2e/lab/wait.ts';
import { LoadClient, type RelayTarget, sendFrame } from './relay-client.ts';

export type LoadOrder =
  | {
      readonly kind: 'flows';
      readonly target: RelayTarget;
      /** Pairs of clients, each with a sender and a receiver. */
      readonly pairs: number;
      readonly packetBytes: number;
      /** Packets of one pair under way at most: below the relay's queue, so that none is lost. */
      readonly window: number;
      /** Senders turn to every receiver in turn, packet by packet, instead of to their own. */
      readonly isMixed: boolean;
      readonly seconds: number;
      /** Packets per second over all pairs; 0 = as fast as the window lets them. */
      readonly perSecond: number;
    }
  | {
      readonly kind: 'probe';
      readonly target: RelayTarget;
      readonly everyMs: number;
      readonly seconds: number;
    }
  | { readonly kind: 'idle'; readonly target: RelayTarget; readonly clients: number };

export interface LoadReport {
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** With those of the warm-up. */
  readonly totalPackets: number;
  /** Packets that never came. */
  readonly lost: number;
  readonly latenciesMs: readonly number[];
}

const OVERHEAD = 5 + 32;
/** Without any packet for so long, what is missing is lost; longer than a busy machine makes one of us wait. */
const STALL_MS = 1_000;
const WARM_UP_MS = 500;
const PROBE_BYTES = 100;
/** Handshakes at once. */
const OPENING = 64;

process.on('message', (order: LoadOrder) => {
  run(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function run(order: LoadOrder): Promise<LoadReport> {
  if (order.kind === 'idle') return idle(order);
  return order.kind === 'probe' ? probe(order) : flows(order);
}

interface Flow {
  readonly sender: LoadClient;
  readonly receiver: LoadClient;
  /** Frames in a row, so that a write of any number of them is a view. */
  readonly block: Buffer;
  inFlight: number;
  /** Of a frame that has not come whole. */
  partialBytes: number;
}

/** Pairs that keep a window of packets under way, and pace themselves when asked to. */
class Flows {
  readonly #order: LoadOrder & { readonly kind: 'flows' };
  readonly #frameBytes: number;
  readonly #flows: readonly Flow[];
  /** How many packets the pace allows right now. */
  #allowed = 0;
  #paidAtMs = clock.monotonic();
  packets = 0;
  lost = 0;

  constructor(order: LoadOrder & { readonly kind: 'flows' }, clients: readonly LoadClient[]) {
    this.#order = order;
    this.#frameBytes = OVERHEAD + order.packetBytes;
    const receivers = clients.slice(order.pairs);
    this.#flows = receivers.map((receiver, i) => {
      const turn = (n: number): LoadClient => receivers[(i + n) % receivers.length] ?? receiver;
      const frames = Array.from({ length: order.window }, (_, n) =>
        sendFrame((order.isMixed ? turn(n) : receiver).raw, order.packetBytes),
      );
      const sender = clients[i] ?? receiver;
      return { sender, receiver, block: Buffer.concat(frames), inFlight: 0, partialBytes: 0 };
    });
    for (const flow of this.#flows) flow.receiver.onBytes = (chunk) => this.#onBytes(flow, chunk.length);
  }

  send(): void {
    const now = clock.monotonic();
    const { perSecond } = this.#order;
    const earned = ((now - this.#paidAtMs) / 1_000) * perSecond;
    this.#allowed = Math.min(this.#allowed + earned, perSecond / 20 + 1);
    this.#paidAtMs = now;
    for (const flow of this.#flows) this.#sendOne(flow);
  }

  /** Nothing comes any more: what is under way is lost. */
  giveUp(): void {
    for (const flow of this.#flows) {
      this.lost += flow.inFlight;
      flow.inFlight = 0;
    }
  }

  close(): void {
    for (const { sender, receiver } of this.#flows) {
      sender.socket.destroy();
      receiver.socket.destroy();
    }
  }

  #sendOne(flow: Flow): void {
    const { window, perSecond } = this.#order;
    const isPaced = perSecond > 0;
    const room = Math.min(window - flow.inFlight, isPaced ? Math.floor(this.#allowed) : window);
    // A quarter of the window at once: a write for each packet would measure us.
    if (room < (isPaced ? 1 : window / 4)) return;
    if (isPaced) this.#allowed -= room;
    flow.inFlight += room;
    flow.sender.socket.write(flow.block.subarray(0, room * this.#frameBytes));
  }

  /** With mixed destinations a receiver gets packets of all, and lets its own sender send as many. */
  #onBytes(flow: Flow, bytes: number): void {
    flow.partialBytes += bytes;
    const packets = Math.floor(flow.partialBytes / this.#frameBytes);
    flow.partialBytes -= packets * this.#frameBytes;
    this.packets += packets;
    flow.inFlight = Math.max(0, flow.inFlight - packets);
    this.#sendOne(flow);
  }
}

async function flows(order: LoadOrder & { readonly kind: 'flows' }): Promise<LoadReport> {
  const load = new Flows(order, await openMany(order.target, 2 * order.pairs));
  const pump = async (forMs: number): Promise<void> => {
    const end = clock.monotonic() + forMs;
    let before = load.packets;
    let progressAt = clock.monotonic();
    for (let now = progressAt; now < end; now = clock.monotonic()) {
      load.send();
      await clock.sleep(order.perSecond > 0 ? 1 : 10);
      if (load.packets !== before) progressAt = now;
      else if (now - progressAt > STALL_MS) load.giveUp();
      before = load.packets;
    }
  };
  await pump(WARM_UP_MS);
  const fromMs = clock.monotonic();
  const fromPackets = load.packets;
  await pump(order.seconds * 1_000);
  const seconds = (clock.monotonic() - fromMs) / 1_000;
  const packets = load.packets - fromPackets;
  load.close();
  const bytes = packets * order.packetBytes;
  return { seconds, packets, bytes, totalPackets: load.packets, lost: load.lost, latenciesMs: [] };
}

/** A packet at a time, each with its time of departure. */
async function probe(order: LoadOrder & { readonly kind: 'probe' }): Promise<LoadReport> {
  const [sender, receiver] = await openMany(order.target, 2);
  if (sender === undefined || receiver === undefined) throw new RhumbError('internal', 'too few clients');
  const latenciesMs: number[] = [];
  const frame = sendFrame(receiver.raw, PROBE_BYTES);
  let partial = Buffer.alloc(0);
  receiver.onBytes = (chunk) => {
    const now = clock.monotonic();
    let bytes = Buffer.concat([partial, chunk]);
    while (bytes.length >= frame.length) {
      latenciesMs.push(now - bytes.readDoubleBE(OVERHEAD));
      bytes = bytes.subarray(frame.length);
    }
    partial = Buffer.from(bytes);
  };
  let sent = 0;
  const end = clock.monotonic() + order.seconds * 1_000;
  while (clock.monotonic() < end) {
    await clock.sleep(order.everyMs);
    frame.writeDoubleBE(clock.monotonic(), OVERHEAD);
    sender.socket.write(Buffer.from(frame));
    sent++;
  }
  await clock.sleep(200);
  sender.socket.destroy();
  receiver.socket.destroy();
  const packets = latenciesMs.length;
  const bytes = PROBE_BYTES * packets;
  return { seconds: order.seconds, packets, bytes, totalPackets: packets, lost: sent - packets, latenciesMs };
}

/** Stay until the parent ends us. */
async function idle(order: LoadOrder & { readonly kind: 'idle' }): Promise<LoadReport> {
  const began = clock.monotonic();
  const clients = await openMany(order.target, order.clients);
  const seconds = (clock.monotonic() - began) / 1_000;
  const packets = clients.length;
  return { seconds, packets, bytes: 0, totalPackets: packets, lost: 0, latenciesMs: [] };
}

async function openMany(target: RelayTarget, count: number): Promise<LoadClient[]> {
  const clients: LoadClient[] = [];
  while (clients.length < count) {
    const batch = Math.min(count - clients.length, OPENING);
    clients.push(...(await Promise.all(Array.from({ length: batch }, () => LoadClient.open(target)))));
  }
  return clients;
}
