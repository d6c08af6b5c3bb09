/** Hears from the kernel what was taken away of routes, rules, addresses and firewall, and by which process. */
import { followNetlink } from '../ffi/netlink.ts';
import type { Deletion } from './restorer.ts';

/** linux/rtnetlink.h, linux/netfilter/nf_tables.h */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_DELADDR = 21;
const RTM_DELROUTE = 25;
const RTM_DELRULE = 33;
const NFTABLES = 10 << 8;
const NFT_MSG_NEWGEN = NFTABLES | 15;
/** A table, chain or rule went, or a chain came that may drop; members of sets come and go by the second. */
const NFT_MATTERS: ReadonlySet<number> = new Set([2, 3, 5, 8].map((type) => NFTABLES | type));

/** struct nlmsghdr: length(4), type(2), flags(2), sequence(4), port(4); messages begin at multiples of 4. */
const HEADER_BYTES = 16;
/** struct ifinfomsg and ifaddrmsg: the interface's index at 4. */
const INDEX_AT = 4;
/** struct rtmsg: the table at 4. */
const ROUTE_TABLE_AT = 4;
/** struct fib_rule_hdr is 12 bytes long, then attributes. */
const RULE_BYTES = 12;
const FRA_PRIORITY = 6;
/** struct nfgenmsg is 4 bytes long, then attributes. */
const NFGEN_BYTES = 4;
const NFTA_GEN_PROC_PID = 2;

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Calls `onDeletion` until aborted (resolves); rejects when a socket breaks. */
export async function watchDeletions(
  onDeletion: (deletion: Deletion) => void,
  signal: AbortSignal,
): Promise<void> {
  const broken = new AbortController();
  const ends = AbortSignal.any([signal, broken.signal]);
  const reader = deletionReader();
  const tell = (datagram: Uint8Array | undefined): void => {
    // More was said than the socket holds: anything may be gone.
    if (datagram === undefined) onDeletion({ what: 'all', pid: 0 });
    else for (const deletion of reader(datagram)) onDeletion(deletion);
  };
  try {
    await Promise.all([followNetlink('rules', tell, ends), followNetlink('nftables', tell, ends)]);
  } finally {
    broken.abort();
  }
}

/** What a datagram says; never throws: what is cut short or unknown says nothing. */
export function deletionReader(): (datagram: Uint8Array) => Deletion[] {
  // The end of a transaction names the process; what it did was told before.
  let matters = false;
  return (datagram) => {
    const found: Deletion[] = [];
    for (const { type, pid, body } of messages(datagram)) {
      if (NFT_MATTERS.has(type)) matters = true;
      const isEnd = type === NFT_MSG_NEWGEN;
      const deletion = isEnd && !matters ? undefined : deletionOf(type, body, pid);
      if (isEnd) matters = false;
      if (deletion !== undefined) found.push(deletion);
    }
    return found;
  };
}

interface Message {
  readonly type: number;
  readonly pid: number;
  readonly body: DataView;
}

function messages(datagram: Uint8Array): Message[] {
  const found: Message[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = view.getUint32(at, IS_LITTLE_ENDIAN);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    found.push({
      type: view.getUint16(at + 4, IS_LITTLE_ENDIAN),
      pid: view.getUint32(at + 12, IS_LITTLE_ENDIAN),
      body: new DataView(view.buffer, view.byteOffset + at + HEADER_BYTES, length - HEADER_BYTES),
    });
    at += (length + 3) & ~3;
  }
  return found;
}

function deletionOf(type: number, body: DataView, pid: number): Deletion | undefined {
  switch (type) {
    // It may have been taken down, and its routes with it.
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_DELADDR:
      if (body.byteLength < INDEX_AT + 4) return undefined;
      return { what: 'address', index: body.getUint32(INDEX_AT, IS_LITTLE_ENDIAN), pid };
    case RTM_DELROUTE:
      return body.byteLength <= ROUTE_TABLE_AT
        ? undefined
        : { what: 'route', table: body.getUint8(ROUTE_TABLE_AT), pid };
    case RTM_DELRULE: {
      const priority = attribute(body, RULE_BYTES, FRA_PRIORITY)?.getUint32(0, IS_LITTLE_ENDIAN);
      return { what: 'rule', priority: priority ?? 0, pid };
    }
    case NFT_MSG_NEWGEN:
      return { what: 'firewall', pid: attribute(body, NFGEN_BYTES, NFTA_GEN_PROC_PID)?.getUint32(0) ?? 0 };
    default:
      return undefined;
  }
}

/** A four-byte attribute. struct nlattr: length(2), type(2), value; each begins at a multiple of 4. */
function attribute(body: DataView, from: number, wanted: number): DataView | undefined {
  for (let at = from; at + 4 <= body.byteLength; ) {
    const length = body.getUint16(at, IS_LITTLE_ENDIAN);
    if (length < 4 || at + length > body.byteLength) return undefined;
    if (body.getUint16(at + 2, IS_LITTLE_ENDIAN) === wanted && length >= 8)
      return new DataView(body.buffer, body.byteOffset + at + 4, 4);
    at += (length + 3) & ~3;
  }
  return undefined;
}
