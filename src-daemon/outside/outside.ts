/** Everything of the daemon that must stay outside the tunnel reaches the network through this: sockets, names, both. */
import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { canMark } from '../ffi/sockets.ts';
import type { StateStore } from '../store/state-store.ts';
import { type Dial, outsideDial } from './dial.ts';
import { BYPASS_MARK, escapes } from './escape.ts';
import { KeptNames } from './kept-names.ts';
import { OutsideNames } from './names.ts';
import { type OutsideSockets, outsideSockets } from './sockets.ts';
import { baseServersFromFiles, readSystemText } from './system-files.ts';

export interface Outside {
  readonly sockets: OutsideSockets;
  readonly names: OutsideNames;
  /** TCP to a name or an address. */
  readonly dial: Dial;
  /** Of sockets that are made elsewhere; undefined in userspace mode. */
  readonly mark: number | undefined;
}

export interface OutsideSystem {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Pick<StateStore, 'get' | 'set'>;
  /** False in userspace mode: there is no tunnel device to stay out of. */
  readonly hasTun: boolean;
  readonly defaultInterface: () => string | undefined;
  /** An exit node is set, or was when the daemon ended: what others send may be kept from leaving. */
  readonly isClosed: () => boolean;
  /** The system's name servers besides ourselves, as far as they are known; the system's files know more. */
  readonly baseServers: () => Promise<readonly string[]>;
}

const ID_LIMIT = 0x1_0000;

export function openOutside(system: OutsideSystem): Outside {
  const { clock, log, store, hasTun, defaultInterface, isClosed } = system;
  const sockets = outsideSockets({
    log,
    wayOut: escapes({ log, isNeeded: hasTun, canMark: () => canMark(BYPASS_MARK), defaultInterface }),
  });
  const names = new OutsideNames({
    clock,
    log,
    sockets,
    kept: new KeptNames(store),
    newId: () => randomInt(ID_LIMIT),
    baseServers: async () => {
      const known = await system.baseServers();
      return known.length > 0 ? known : baseServersFromFiles();
    },
    system: async (host, family) => (await lookup(host, { all: true, family })).map(({ address }) => address),
    read: readSystemText,
    isClosed,
  });
  return {
    sockets,
    names,
    dial: outsideDial({ clock, names, sockets }),
    mark: hasTun ? BYPASS_MARK : undefined,
  };
}
