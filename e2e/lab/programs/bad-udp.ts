/**
 * Sends a daemon what no peer would: noise, torn and padded messages of every kind, and what it said to others before.
 *
 *   node bad-udp.ts ADDRESS PORT CAPTURE.pcap     prints how many datagrams it sent
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';

const [address = '', port = '', file = ''] = process.argv.slice(2);

/** UDP payloads of a pcap file of Ethernet frames with IPv4 in them. */
function payloads(pcap: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const frame = pcap.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    const isUdp4 = frame.length > 42 && frame.readUInt16BE(12) === 0x0800 && frame[23] === 17;
    if (isUdp4) found.push(frame.subarray(14 + ((frame[14] ?? 0) & 15) * 4 + 8));
  }
  return found;
}

/** WireGuard messages 1 to 4 at lengths around the right ones; disco, STUN and Geneve prefixes with noise behind. */
function forged(): Buffer[] {
  const sizes = [1, 3, 4, 8, 16, 31, 32, 33, 63, 64, 65, 91, 92, 93, 147, 148, 149, 1_280, 1_472];
  const prefixes = [
    Buffer.alloc(0),
    ...[1, 2, 3, 4, 5, 255].map((type) => Buffer.of(type, 0, 0, 0)),
    Buffer.from('5453f09f92ac', 'hex'),
    Buffer.from('000100002112a442', 'hex'),
    Buffer.from('010100002112a442', 'hex'),
    Buffer.from('0000000000007a12', 'hex'),
  ];
  return prefixes.flatMap((prefix) =>
    sizes.map((size) =>
      Buffer.concat([prefix, randomBytes(Math.max(0, size - prefix.length))]).subarray(0, size),
    ),
  );
}

const heard = payloads(readFileSync(file));
const torn = heard.flatMap((datagram) => [
  datagram.subarray(0, datagram.length - 1),
  datagram.subarray(0, datagram.length >> 1),
  Buffer.concat([datagram, Buffer.alloc(16)]),
]);
const flipped = heard.map((datagram) => {
  const copy = Buffer.from(datagram);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
});
const all = [...forged(), ...heard, ...heard, ...torn, ...flipped, Buffer.alloc(0)];

const socket = createSocket('udp4');
for (const datagram of all) {
  await new Promise((resolve) => socket.send(datagram, Number(port), address, resolve));
}
socket.close();
console.log(`${all.length} ${heard.length}`);
