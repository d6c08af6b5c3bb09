/**
 * A name server that knows a few addresses and nothing else.
 *
 *   node name-server.ts ADDRESS NAME=IPV4...   answers on port 53 of ADDRESS; says `ready`, then each question
 */
import { createSocket } from 'node:dgram';
import packet from 'dns-packet';

const NXDOMAIN = 3;
const [address = '', ...words] = process.argv.slice(2);
const known = new Map(
  words.map((word) => {
    const [name = '', data = ''] = word.split('=');
    return [name, data];
  }),
);

const socket = createSocket('udp4');
socket.on('message', (datagram, from) => {
  const { id = 0, questions = [] } = packet.decode(datagram);
  const [question] = questions;
  if (question === undefined) return;
  const name = question.name.toLowerCase();
  const data = known.get(name);
  console.log(`${question.type} ${name}`);
  const answers =
    data === undefined || question.type !== 'A' ? [] : [{ type: 'A' as const, name, ttl: 5, data }];
  const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (data === undefined ? NXDOMAIN : 0);
  socket.send(packet.encode({ type: 'response', id, flags, questions, answers }), from.port, from.address);
});
socket.bind(53, address, () => console.log('ready'));
