/** Taking a user out for good: with everything that let them in, after their machines went or got another owner. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, UserRecord, Write } from '../store/records.ts';
import { endCodesOf } from './admin-codes.ts';
import type { Network } from './network.ts';
import { removeNode } from './nodes.ts';
import { moveNode, refuseSecond } from './ownership.ts';
import { removePasskeysOf } from './passkeys.ts';
import { endSessionsOf } from './sessions.ts';
import { refuseLastOwner, userEntry } from './users.ts';

/** What becomes of the user's machines. */
export type Machines =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'move'; readonly to: UserRecord };

export async function deleteUser(
  network: Network,
  user: UserRecord,
  machines: Machines,
  nowMs: number,
  by: Actor,
): Promise<void> {
  refuseLastOwner(network, user, 'make somebody else owner first');
  const own = [...network.nodes()].map(({ record }) => record).filter(({ userId }) => userId === user.id);
  if (own.length > 0 && machines.kind === 'refuse')
    throw new RhumbError(
      'conflict',
      `${user.name} has ${own.length} machine${own.length === 1 ? '' : 's'}: say what becomes of them (--force deletes them, --move-to NAME gives them to somebody else)`,
    );
  if (machines.kind === 'move' && machines.to.id === user.id)
    throw new RhumbError('bad-argument', 'the machines must go to somebody else');
  if (machines.kind === 'move') for (const record of own) refuseSecond(network, record, machines.to);
  // Each is told to the streams and to the audit log as if it were the only one. Nothing waits in between: a machine that
  // comes or changes meanwhile would be lost or set back.
  const done = own.map((record) =>
    machines.kind === 'move' ? moveNode(network, record, machines.to, by) : removeNode(network, record, by),
  );
  const last = network.save({
    writes: removal(network, user),
    changes: [{ kind: 'user', id: user.id }],
    audit: [userEntry('delete', user, nowMs, by)],
  });
  await Promise.all([...done, last]);
}

/** In an order that leaves nothing pointing at what is gone. */
function removal(network: Network, { id: userId }: UserRecord): readonly Write[] {
  const apiKeys = [...network.apiKeys.values()];
  const own = new Set(apiKeys.filter((key) => key.userId === userId).map(({ id }) => id));
  const derived = apiKeys.filter((key) => key.clientId !== undefined && own.has(key.clientId));
  const authKeys = new Set(
    [...network.authKeys()].filter((key) => key.userId === userId).map(({ id }) => id),
  );
  const letInBy = [...network.nodes()]
    .map(({ record }) => record)
    .filter(({ authKeyId }) => authKeyId !== undefined && authKeys.has(authKeyId));
  return [
    ...endSessionsOf(network, userId),
    ...removePasskeysOf(network, userId),
    ...endCodesOf(network, userId),
    ...(network.grantOf(userId) === undefined ? [] : [{ remove: 'grant', id: userId } as const]),
    ...[...new Set([...derived.map(({ id }) => id), ...own])].map(
      (id) => ({ remove: 'apiKey', id }) as const,
    ),
    ...letInBy.map((record) => ({ put: 'node', value: { ...record, authKeyId: undefined } }) as const),
    ...[...authKeys].map((id) => ({ remove: 'authKey', id }) as const),
    { remove: 'user', id: userId },
  ];
}
