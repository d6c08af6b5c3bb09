/** The capture file of `debug-capture`, as dissectors of the official client's captures read it (libpcap, link type USER0). */

/** Little-endian magic with microseconds, version 2.4, whole packets. */
export function pcapHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2_c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(147, 20);
  return header;
}

/** 0 = from this host, 1 = from a peer, 2 = made by us for this host, 3 = made by us for a peer. */
export type CapturePath = 0 | 1 | 2 | 3;

/** Before each packet: the way it took, and two empty lists of addresses that a translation had replaced. */
const META_BYTES = 4;

export function pcapRecord(path: CapturePath, packet: Uint8Array, nowMs: number): Buffer {
  const record = Buffer.alloc(16 + META_BYTES + packet.length);
  const seconds = Math.floor(nowMs / 1_000);
  record.writeUInt32LE(seconds, 0);
  record.writeUInt32LE(Math.round((nowMs - seconds * 1_000) * 1_000), 4);
  record.writeUInt32LE(packet.length + META_BYTES, 8);
  record.writeUInt32LE(packet.length + META_BYTES, 12);
  record.writeUInt16LE(path, 16);
  record.set(packet, 16 + META_BYTES);
  return record;
}
