/** What the relay client counts, for metrics. */
import type { DerpCounters, DropReason } from './types.ts';

export class CounterSet {
  sentPackets = 0;
  sentBytes = 0;
  receivedPackets = 0;
  receivedBytes = 0;
  dials = 0;
  dialFailures = 0;
  connectionsLost = 0;
  idleClosed = 0;
  readonly #dropped: Record<DropReason, number> = {
    'queue-head': 0,
    stale: 0,
    'too-large': 0,
    'no-region': 0,
    rate: 0,
    closed: 0,
  };

  drop(reason: DropReason, count = 1): void {
    this.#dropped[reason] += count;
  }

  snapshot(): DerpCounters {
    return {
      sentPackets: this.sentPackets,
      sentBytes: this.sentBytes,
      receivedPackets: this.receivedPackets,
      receivedBytes: this.receivedBytes,
      dropped: { ...this.#dropped },
      dials: this.dials,
      dialFailures: this.dialFailures,
      connectionsLost: this.connectionsLost,
      idleClosed: this.idleClosed,
    };
  }
}
