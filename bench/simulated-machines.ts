/** Machines without a data plane: each is a real control client with its own keys, all in this process. */
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { discoKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { clock, until } from '../e2e/lab/wait.ts';
import { openControl } from '../src-daemon/control/client.ts';
import type { ControlClient, NetworkMap } from '../src-daemon/control/types.ts';

export interface Simulated extends AsyncDisposable {
  /** Waits until every machine's map is as wanted; rejects with how many are not. */
  all(what: string, wanted: (map: NetworkMap) => boolean, timeoutMs: number): Promise<void>;
}

/** Lets `count` machines join at once. */
export function simulate(serverUrl: string, authKey: string, count: number): Simulated {
  const maps: (NetworkMap | undefined)[] = Array.from({ length: count });
  const refusals: string[] = [];
  const clients: ControlClient[] = [];
  for (let n = 0; n < count; n += 1) {
    const machineKey = generatePrivate();
    const client = openControl(
      {
        serverUrl,
        identity: { machineKey, nodeKey: undefined, oldNodeKey: undefined, lockKey: '' },
        discoKey: discoKeyFrom(publicOf(generatePrivate())),
        hostinfo: hostinfo.parse({ Hostname: `machine-${n}`, OS: 'linux' }),
        clock,
        random: Math.random,
        log: silent,
      },
      {
        authUrl: () => undefined,
        loginFailed: (message) => void refusals.push(message),
        loginFinished: () => undefined,
        netmap: (map) => {
          maps[n] = map;
        },
        connection: () => undefined,
        ping: () => undefined,
      },
    );
    client.setEndpoints([{ addr: `192.0.2.${n % 250}:${1_024 + n}`, type: 1 }]);
    clients.push(client);
    client.login({ interactive: false, authKey });
  }
  return {
    all: async (what, wanted, timeoutMs) => {
      const missing = (): number => maps.filter((map) => map === undefined || !wanted(map)).length;
      try {
        await until(what, () => missing() === 0, { timeoutMs, everyMs: 20 });
      } catch (cause) {
        const why = refusals[0] === undefined ? '' : `; a refusal said: ${refusals[0]}`;
        throw new Error(`${missing()} of ${count} machines did not see ${what}${why}`, { cause });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    },
  };
}
