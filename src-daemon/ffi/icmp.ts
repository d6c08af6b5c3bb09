/** Pings by ICMP: an echo request and the time to its answer, for networks where UDP is blocked (icmp(7), RFC 792). */
import type { Clock } from '#shared/async/clock.ts';
import { equal, utf8 } from '#shared/bytes/bytes.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseIp } from '#shared/ip/address.ts';
import { closeFd, readFd, watchReadable, writeFd } from './fd.ts';
import {
  AF_INET,
  errnoName,
  isLittleEndian,
  libc,
  O_CLOEXEC,
  O_NONBLOCK,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_SOCKET,
} from './libc.ts';
import { SOCKADDR_IN_BYTES } from './sockets.ts';

/** netinet/in.h, asm-generic/socket.h */
const IPPROTO_ICMP = 1;
const SO_MARK = 36;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const HEADER_BYTES = 8;
const NONCE_BYTES = 8;
const MAX_PAYLOAD = 64;
const MAX_PACKET = 1_500;
/** Of a raw socket, which sees every echo reply to this machine. */
const MAX_PACKETS_PER_READ = 64;

export interface IcmpOptions {
  readonly clock: Clock;
  /** As the sockets for UDP have it, so that it does not go through the tunnel. */
  readonly mark?: number | undefined;
}

interface Opened {
  readonly fd: number;
  /** Packets begin with their IP header. */
  readonly isRaw: boolean;
}

/** Resolves to the ms until the answer; undefined where the system does not let us, rejects when the signal aborts. */
export const icmpEcho =
  ({ clock, mark }: IcmpOptions) =>
  async (ip: string, payload: string, signal: AbortSignal): Promise<number | undefined> => {
    signal.throwIfAborted();
    const opened = open(mark);
    if (opened === undefined) return undefined;
    try {
      connect(opened.fd, ip);
      return await exchange(opened, payload, clock, signal);
    } finally {
      closeFd(opened.fd);
    }
  };

/** The kind that needs no privilege where the administrator allows it, else the one that needs CAP_NET_RAW. */
function open(mark: number | undefined): Opened | undefined {
  for (const type of [SOCK_DGRAM, SOCK_RAW]) {
    const fd = libc().socket(AF_INET, type | O_NONBLOCK | O_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0) continue;
    if (mark !== undefined) {
      const value = new Uint8Array(Uint32Array.of(mark).buffer);
      // Without CAP_NET_ADMIN there is no tunnel device either, so nothing to be kept out of.
      libc().setsockopt(fd, SOL_SOCKET, SO_MARK, value, value.length);
    }
    return { fd, isRaw: type === SOCK_RAW };
  }
  return undefined;
}

function connect(fd: number, text: string): void {
  const ip = parseIp(text);
  if (ip?.length !== 4) throw new RhumbError('bad-argument', `${text} is no IPv4 address`);
  const address = new Uint8Array(SOCKADDR_IN_BYTES);
  new DataView(address.buffer).setUint16(0, AF_INET, isLittleEndian());
  address.set(ip, 4);
  if (libc().connect(fd, address, address.length) < 0)
    throw new RhumbError('unavailable', `ping ${text}: ${errnoName()}`);
}

function exchange(
  { fd, isRaw }: Opened,
  payload: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  // The nonce tells our answers from those to other programs, which a raw socket sees too.
  const data = new Uint8Array([...randomBytes(NONCE_BYTES), ...utf8(payload).subarray(0, MAX_PAYLOAD)]);
  return new Promise((resolve, reject) => {
    const buffer = new Uint8Array(MAX_PACKET);
    const finish = (settle: () => void): void => {
      stop();
      signal.removeEventListener('abort', aborted);
      settle();
    };
    const aborted = (): void => finish(() => reject(signal.reason));
    const ready = (): void => {
      const atMs = clock.monotonic();
      for (let n = 0; n < MAX_PACKETS_PER_READ; n++) {
        const count = readFd(fd, buffer);
        if (count === 0) return;
        if (typeof count === 'string') {
          finish(() => reject(new RhumbError('unavailable', `ping: ${count}`)));
          return;
        }
        if (!isAnswer(buffer.subarray(0, count), isRaw, data)) continue;
        finish(() => resolve(atMs - sentMs));
        return;
      }
    };
    const stop = watchReadable(fd, ready);
    signal.addEventListener('abort', aborted, { once: true });
    const sentMs = clock.monotonic();
    const refused = writeFd(fd, echoRequest(data));
    if (refused !== undefined) finish(() => reject(new RhumbError('unavailable', `ping: ${refused}`)));
  });
}

/** Type, code, checksum, identifier, sequence number, data. A datagram socket puts its own identifier and checksum. */
export function echoRequest(data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(HEADER_BYTES + data.length);
  packet[0] = ECHO_REQUEST;
  packet.set(data.subarray(0, 2), 4);
  packet.set(data, HEADER_BYTES);
  new DataView(packet.buffer).setUint16(2, checksum(packet));
  return packet;
}

export function isAnswer(packet: Uint8Array, isRaw: boolean, data: Uint8Array): boolean {
  const icmp = isRaw ? packet.subarray(((packet[0] ?? 0) & 15) * 4) : packet;
  return icmp[0] === ECHO_REPLY && icmp[1] === 0 && equal(icmp.subarray(HEADER_BYTES), data);
}

/** RFC 1071. */
function checksum(packet: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < packet.length; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
