/** The numeric id of the user that Prefs.OperatorUser names. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '#shared/async/clock.ts';

const run = promisify(execFile);
const LOOKUP_TIMEOUT_MS = 3_000;

export type UidOf = (user: string) => Promise<number | undefined>;

/** getent asks all sources that the system knows, not only /etc/passwd. Undefined when there is no such user. */
export const lookUpUid: UidOf = async (user) => {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,255}$/.test(user)) return undefined;
  try {
    const { stdout } = await run('getent', ['passwd', user], {
      timeout: LOOKUP_TIMEOUT_MS,
      maxBuffer: 64 * 1_024,
    });
    const fields = stdout.split('\n', 1)[0]?.split(':') ?? [];
    return fields[0] === user && /^\d{1,10}$/.test(fields[2] ?? '') ? Number(fields[2]) : undefined;
  } catch {
    return undefined; // no such user, or no getent: then nobody is the operator
  }
};

/** The user may be made later; asking costs a process, and everyone on the machine can make us ask. */
const ASK_AGAIN_MS = 10_000;
/** A user may go, and the number be given to someone else. */
const KNOWN_MS = 60_000;

/** Remembers the answer for one name for a while; another name asks again. */
export function cachedUid(lookUp: UidOf, clock: Pick<Clock, 'monotonic'>): UidOf {
  let last:
    | { readonly user: string; readonly uid: Promise<number | undefined>; askAgainAt: number }
    | undefined;
  return (user) => {
    if (user === '') return Promise.resolve(undefined);
    if (last === undefined || last.user !== user || clock.monotonic() >= last.askAgainAt) {
      const asked = { user, uid: lookUp(user), askAgainAt: Number.POSITIVE_INFINITY };
      last = asked;
      asked.uid = asked.uid.then((uid) => {
        asked.askAgainAt = clock.monotonic() + (uid === undefined ? ASK_AGAIN_MS : KNOWN_MS);
        return uid;
      });
    }
    return last.uid;
  };
}
