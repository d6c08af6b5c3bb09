/** The first message of a map stream: everything, so that the client can begin from nothing (control-protocol.md §5.4). */
import { formatTime } from '#shared/wire/scalars.ts';
import { TAGGED_DEVICES } from '../state/users.ts';
import { type Books, Dirt } from './books.ts';
import { type DeltaDeps, profileOf } from './delta.ts';
import { dialectOf, peerJson, sightOf, userJson } from './encode.ts';
import { ownMembers, type Reader, sshMember } from './own-part.ts';

const OWN = Dirt.Self | Dirt.Dns | Dirt.Filter | Dirt.Notices;

/** `books` must be empty; afterwards they say what the message does. */
export function fullMap(deps: DeltaDeps, reader: Reader, books: Books, withPeers: boolean): string {
  const { record } = reader.view;
  const own = ownMembers(deps, reader, books, OWN);
  // Also where there are no rules: a stream begins with the member.
  ownMembers(deps, reader, books, Dirt.Ssh);
  books.users.add(record.userId ?? TAGGED_DEVICES.id);
  const peers = withPeers ? peersJson(deps, reader, books) : [];
  books.relays = deps.relays;
  const profiles = [...books.users].map((id) => profileOf(deps, id)).filter((user) => user !== undefined);
  const members = [
    ...own,
    deps.relays,
    // An empty list means "no change" to some clients and "none" to others: leave it out (§5.4).
    ...(peers.length > 0 ? [`"Peers":[${peers.join(',')}]`] : []),
    `"Domain":${JSON.stringify(deps.baseDomain)}`,
    `"CollectServices":false`,
    `"UserProfiles":[${profiles.map(userJson).join(',')}]`,
    sshMember(books.ssh),
    `"ControlTime":${JSON.stringify(formatTime(deps.nowMs))}`,
    // Official clients would otherwise send their logs to their maker.
    `"Debug":{"DisableLogTail":true}`,
  ];
  return `{${members.join(',')}}`;
}

function peersJson(deps: DeltaDeps, { view, capver }: Reader, books: Books): string[] {
  const dialect = dialectOf(capver);
  const peers: string[] = [];
  for (const id of deps.policy.peersOf(view.record.id)) {
    const peer = deps.network.node(id);
    if (peer === undefined) continue;
    const sight = sightOf(deps.policy, deps.dns, view.record.id, peer);
    peers.push(peerJson(peer, sight, deps.baseDomain, dialect, deps.nowMs));
    books.nodes.add(id);
    if (sight.key !== '') books.sights.set(id, sight.key);
    books.users.add(peer.record.userId ?? TAGGED_DEVICES.id);
  }
  return peers;
}
