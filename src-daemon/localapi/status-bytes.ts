/** The JSON of a Status as bytes; made in pieces, for that of a large network has megabytes (localapi-and-daemon.md §2.3). */
import { encodeStatus, type PeerStatus, peerStatusText, type Status } from '#shared/localapi/status.ts';
import { stringifyJson } from '#shared/wire/json.ts';

/** `,"KEY":{…}` of machines; one of which nothing changed comes as the very same object again. */
const pieces = new WeakMap<PeerStatus, Buffer>();

function pieceOf(key: string, peer: PeerStatus): Buffer {
  const known = pieces.get(peer);
  if (known !== undefined) return known;
  const piece = Buffer.from(`,${JSON.stringify(key)}:${peerStatusText(peer)}`, 'utf8');
  pieces.set(peer, piece);
  return piece;
}

export function statusBytes(status: Status): Buffer {
  const { Peer } = status;
  if (Peer === undefined) return Buffer.from(`${stringifyJson(encodeStatus(status))}\n`, 'utf8');
  const rest = encodeStatus({ ...status, Peer: undefined });
  // Without peers the field is null, and it must not be there twice.
  delete rest['Peer'];
  const parts: Buffer[] = [Buffer.from(`${stringifyJson(rest).slice(0, -1)},"Peer":{`, 'utf8')];
  for (const key of Object.keys(Peer)) {
    const peer = Peer[key];
    if (peer === undefined) continue;
    const piece = pieceOf(key, peer);
    parts.push(parts.length === 1 ? piece.subarray(1) : piece);
  }
  parts.push(Buffer.from('}}\n', 'latin1'));
  return Buffer.concat(parts);
}
