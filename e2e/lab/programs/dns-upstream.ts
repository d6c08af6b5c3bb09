/**
 * A name server with moods, over UDP and TCP.
 *
 *   node dns-upstream.ts ADDRESS MOOD NAME=IPV4...   answers on port 53 of ADDRESS; says `ready`, then each question
 *
 * Moods: `well`; `silent` hears and says nothing; `broken` answers SERVFAIL. Names that begin with `big.` have as many TXT
 * records as 2 000 bytes need, and are cut over UDP for whoever takes less.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import packet, { type DecodedPacket } from 'dns-packet';

const NXDOMAIN = 3;
const SERVFAIL = 2;
const BIG_RECORDS = 8;
const [address = '', mood = 'well', ...words] = process.argv.slice(2);
const known = new Map(
  words.map((word) => {
    const [name = '', data = ''] = word.split('=');
    return [name, data];
  }),
);

function answer(query: DecodedPacket, how: 'udp' | 'tcp'): Buffer | undefined {
  const { id = 0, questions = [], additionals = [] } = query;
  const [question] = questions;
  if (question === undefined) return undefined;
  const name = question.name.toLowerCase();
  console.log(`${how} ${question.type} ${name}`);
  if (mood === 'silent') return undefined;
  const opt = additionals.find(({ type }) => type === 'OPT');
  const size = opt !== undefined && 'udpPayloadSize' in opt ? opt.udpPayloadSize : 512;
  const data = known.get(name);
  const isBig = name.startsWith('big.');
  const answers =
    question.type === 'A' && data !== undefined
      ? [{ type: 'A' as const, name, ttl: 5, data }]
      : question.type === 'TXT' && isBig
        ? Array.from({ length: BIG_RECORDS }, (_, i) => ({
            type: 'TXT' as const,
            name,
            ttl: 5,
            data: `${i}`.repeat(250),
          }))
        : [];
  const rcode = mood === 'broken' ? SERVFAIL : data === undefined && !isBig ? NXDOMAIN : 0;
  const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | rcode;
  const whole = packet.encode({ type: 'response', id, flags, questions, answers });
  if (how === 'tcp' || whole.length <= size) return whole;
  return packet.encode({ type: 'response', id, flags: flags | packet.TRUNCATED_RESPONSE, questions });
}

const udp = createSocket('udp4');
udp.on('message', (datagram, from) => {
  const said = answer(packet.decode(datagram), 'udp');
  if (said !== undefined) udp.send(said, from.port, from.address);
});
const tcp = createServer((socket) => {
  socket.on('error', () => undefined); // the other side has gone
  let got = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    got = Buffer.concat([got, chunk]);
    if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
    const said = answer(packet.decode(got.subarray(2)), 'tcp');
    if (said === undefined) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(said.length);
    socket.end(Buffer.concat([length, said]));
  });
});
udp.bind(53, address, () => tcp.listen(53, address, () => console.log('ready')));
