/** Inner packets for tests: the smallest IPv4 and IPv6 packets that are right, with a payload to tell them apart. */
import { parseIp } from '#shared/ip/address.ts';

const V4_HEADER = 20;
const V6_HEADER = 40;
const UDP = 17;

function ipOf(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`a test uses a bad address: ${text}`);
  return ip;
}

export interface PacketSpec {
  readonly from: string;
  readonly to: string;
  readonly payload?: Uint8Array;
  readonly protocol?: number;
}

export function ipPacket({ from, to, payload = new Uint8Array(8), protocol = UDP }: PacketSpec): Uint8Array {
  const source = ipOf(from);
  const destination = ipOf(to);
  if (source.length === 4) {
    const packet = new Uint8Array(V4_HEADER + payload.length);
    packet.set([0x45, 0, packet.length >> 8, packet.length & 255, 0, 0, 0, 0, 64, protocol]);
    packet.set(source, 12);
    packet.set(destination, 16);
    packet.set(payload, V4_HEADER);
    return packet;
  }
  const packet = new Uint8Array(V6_HEADER + payload.length);
  packet.set([0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, protocol, 64]);
  packet.set(source, 8);
  packet.set(destination, 24);
  packet.set(payload, V6_HEADER);
  return packet;
}
