/** Says in time that the addresses of a prefix are nearly used up (coordination-server.md §6). */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { almostFull, type Usage } from '../state/addresses.ts';
import type { Network } from '../state/network.ts';

const LOOK_EVERY_MS = 60_000;

export interface AddressRoom extends Disposable {
  /** Prefixes that are nearly full. */
  readonly full: readonly string[];
}

export function watchAddressRoom(network: Pick<Network, 'addresses'>, clock: Clock, log: Log): AddressRoom {
  const warned = new Set<string>();
  const full = (): readonly Usage[] => almostFull(network.addresses.usage());
  const look = (): void => {
    const now = full();
    for (const { prefix, used, size } of now) {
      if (warned.has(prefix)) continue;
      warned.add(prefix);
      log('warn', 'addresses.almost-full', {
        ...{ prefix, used, size },
        advice: 'delete machines that are gone, or add a prefix to addresses in the configuration',
      });
    }
    for (const prefix of warned) if (!now.some((one) => one.prefix === prefix)) warned.delete(prefix);
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  let cancel: () => void = () => undefined;
  look();
  return {
    get full() {
      return full().map(({ prefix }) => prefix);
    },
    [Symbol.dispose]: () => cancel(),
  };
}
