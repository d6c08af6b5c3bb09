/** What administrators name, found: users, machines, keys; or an error that says where to look. */
import { RhumbError } from '#shared/errors.ts';
import type { Network, NodeView } from '../state/network.ts';
import type { AuthKeyRecord, UserRecord } from '../store/records.ts';

const idOf = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);

/** By name or id. */
export function findUser(network: Network, text: string): UserRecord {
  const id = idOf(text);
  const user = network.userByName(text) ?? (id === undefined ? undefined : network.user(id));
  if (user === undefined)
    throw new RhumbError(
      'not-found',
      `no user "${text}": see users list, or make one with users create ${text}`,
    );
  return user;
}

export function onlyUser(network: Network): UserRecord {
  const [first, second] = network.users();
  if (first === undefined)
    throw new RhumbError('not-found', 'there is no user yet: make one with users create NAME');
  if (second !== undefined)
    throw new RhumbError('bad-argument', 'there are several users: say with --user whose machine it will be');
  return first;
}

/** By id, name or full name. */
export function findNode(network: Network, text: string): NodeView {
  const id = idOf(text);
  const label = text.toLowerCase().split('.', 1)[0] ?? '';
  const view = (id === undefined ? undefined : network.node(id)) ?? network.nodeByName(label);
  if (view === undefined) throw new RhumbError('not-found', `no node "${text}": see nodes list`);
  return view;
}

/** By id, by its public beginning, or by the whole key. */
export function findAuthKey(network: Network, text: string): AuthKeyRecord {
  const prefix = /^(?:rhkey-auth-)?([0-9A-Za-z]{12})(?:-|$)/.exec(text)?.[1];
  const byPrefix = prefix === undefined ? undefined : network.authKeyByPrefix(prefix);
  const id = idOf(text);
  const key = byPrefix ?? (id === undefined ? undefined : network.authKey(id));
  if (key === undefined) throw new RhumbError('not-found', 'no such auth key: see preauthkeys list');
  return key;
}
