/** Tells of keys of machines that end soon, or have: a day before, an hour before, and at the end. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from '../state/network.ts';
import type { EventType } from './events.ts';

/** Of something that happened: for webhooks. */
export type Tell = (type: EventType, message: string, data: Readonly<Record<string, string>>) => void;

export interface KeyEndsDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: Tell;
}

const LOOK_EVERY_MS = 60_000;
/** The nearest first. */
const STAGES = [
  { type: 'nodeKeyExpired', beforeMs: 0, says: 'has expired' },
  { type: 'nodeKeyExpiringInOneHour', beforeMs: 3_600_000, says: 'expires in an hour' },
  { type: 'nodeKeyExpiringInOneDay', beforeMs: 86_400_000, says: 'expires in a day' },
] as const;

/** Starts watching; the returned function ends it. */
export function watchKeyEnds({ network, clock, log, tell }: KeyEndsDeps): () => void {
  /** Up to when ends were told. */
  let toldUntil = clock.now();
  const look = (): void => {
    const [from, until] = [toldUntil, clock.now()];
    // A clock that went back comes by the same moments again, and tells of them again.
    toldUntil = until;
    for (const { record } of network.nodes()) {
      const { id, givenName, expiry } = record;
      if (expiry === undefined) continue;
      // Of a key that was made for a short time only the nearest stage is of interest.
      const stage = STAGES.find(({ beforeMs }) => expiry - beforeMs > from && expiry - beforeMs <= until);
      if (stage === undefined) continue;
      const expiration = new Date(expiry).toISOString();
      log('info', 'node.key-ends', { node: id, name: givenName, stage: stage.type, expiration });
      const data = { nodeID: String(id), nodeName: givenName, expiration };
      tell(stage.type, `The key of machine ${givenName} ${stage.says}`, data);
    }
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  let cancel = clock.after(LOOK_EVERY_MS, look);
  return () => cancel();
}
