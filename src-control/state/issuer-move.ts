/** The provider has another address: its users stay who they are here. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, UserRecord, Write } from '../store/records.ts';
import type { Network } from './network.ts';
import { userEntry } from './users.ts';

export interface IssuerMove {
  readonly moved: readonly UserRecord[];
}

/** Rewrites the issuer of every user who has it; all or none. With `dry` nothing is written. */
export async function moveIssuer(
  network: Network,
  from: string,
  to: string,
  dry: boolean,
  nowMs: number,
  by: Actor,
): Promise<IssuerMove> {
  const users = [...network.users()].filter(({ identity }) => identity?.issuer === from);
  if (users.length === 0)
    throw new RhumbError('not-found', `no user has the issuer ${from}: see users list -o json`);
  const twice = users.find(
    ({ identity }) => identity !== undefined && network.userByIdentity(to, identity.subject) !== undefined,
  );
  if (twice !== undefined)
    throw new RhumbError(
      'conflict',
      `${twice.name} signed in under the new issuer already and is there a second time: delete that user (users delete), its machines can be moved`,
    );
  const moved = users.map((user) =>
    user.identity === undefined ? user : { ...user, identity: { ...user.identity, issuer: to } },
  );
  if (dry) return { moved };
  await network.save({
    writes: moved.map((value): Write => ({ put: 'user', value })),
    audit: moved.map((user) =>
      userEntry('update', user, nowMs, by, { property: 'issuer', old: from, new: to }),
    ),
  });
  return { moved };
}
