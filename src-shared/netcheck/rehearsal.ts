/** One check against made-up servers: the first pass through the code takes tens of milliseconds, which would count as latency. */
import type { Clock } from '../async/clock.ts';
import { silent } from '../log/log.ts';
import { decodeRequest, encodeResponse } from '../stun/stun.ts';
import type { DerpMap } from '../wire/map.ts';
import { Netcheck } from './check.ts';

/** For a process that makes one check and ends; in a daemon the checks that follow are right by themselves. */
export async function rehearse(map: DerpMap, clock: Clock, signal: AbortSignal): Promise<void> {
  const check: Netcheck = new Netcheck({
    clock,
    log: silent,
    stun: {
      canSend: () => true,
      send: (to, datagram) => {
        const request = decodeRequest(datagram);
        // Not within the call: an answer comes from the event loop.
        if (request !== undefined)
          queueMicrotask(() =>
            check.handleStun(to, encodeResponse(request.txId, { ip: '192.0.2.1', port: 1 })),
          );
        return true;
      },
    },
    resolve: async () => ['192.0.2.1', '2001:db8::1'],
  });
  await check.run({ map, home: 0, onlyStun: true }, signal);
}
