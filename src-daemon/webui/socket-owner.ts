/** Whose the other end of a connection within this machine is: Linux lists it with the user who made it. */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { parseIp } from '#shared/ip/address.ts';

/** Of a connection over IPv4, as the one who accepted it sees it. */
export interface Ends {
  /** Where it comes from. */
  readonly ip: string;
  readonly port: number;
  /** Where it was accepted. */
  readonly ownIp: string;
  readonly ownPort: number;
}

/** `nobody`: not in the lists, or about to end, when they name no user any more. `unknown`: there are no lists. */
export type SocketOwner = number | 'nobody' | 'unknown';
export type OwnerOf = (ends: Ends) => SocketOwner;

/** A browser may also use a socket of IPv6 for it. */
const LISTS: readonly string[] = ['/proc/net/tcp', '/proc/net/tcp6'];
const ESTABLISHED = '01';
const isLittle = endianness() === 'LE';
const MAPPED = isLittle ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';

/** `text`: one of the lists, which are long where there is much to do. Undefined when it is not in there. */
export function ownerIn(text: string, { ip, port, ownIp, ownPort }: Ends): number | undefined {
  const from = listed(ip, port);
  const to = listed(ownIp, ownPort);
  if (from === undefined || to === undefined) return undefined;
  for (const prefix of ['', MAPPED]) {
    const row = ` ${prefix}${from} ${prefix}${to} ${ESTABLISHED} `;
    const at = text.indexOf(row);
    // Queues, timer and retransmissions stand between.
    const uid =
      at < 0
        ? undefined
        : /^\S+ +\S+ +\S+ +(\d{1,10}) /.exec(text.slice(at + row.length, at + row.length + 80))?.[1];
    if (uid !== undefined) return Number(uid);
  }
  return undefined;
}

/** `0100007F:1F90` is 127.0.0.1:8080 where numbers begin with their smallest byte. */
function listed(ip: string, port: number): string | undefined {
  const bytes = parseIp(ip);
  if (bytes?.length !== 4) return undefined;
  const inOrder = isLittle ? [...bytes].reverse() : [...bytes];
  return `${inOrder.map((byte) => hex(byte, 2)).join('')}:${hex(port, 4)}`;
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

export const systemOwnerOf: OwnerOf = (ends) => {
  const lists = LISTS.flatMap((path) => {
    try {
      return [readFileSync(path, 'latin1')];
    } catch {
      return []; // another system, or one without IPv6
    }
  });
  if (lists.length === 0) return 'unknown';
  for (const text of lists) {
    const owner = ownerIn(text, ends);
    if (owner !== undefined) return owner;
  }
  return 'nobody';
};

/** Whether who comes may be that user: a link is seen by others on its way to a browser, among the arguments of programs. */
export function isOf(uid: number | undefined, owner: SocketOwner): boolean {
  // Root's links are opened by people, through sudo and over SSH; and nobody's let do nothing.
  return uid === undefined || uid === 0 || owner === 'unknown' || owner === uid;
}
