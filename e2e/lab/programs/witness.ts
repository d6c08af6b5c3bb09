/**
 * Somebody on the Internet who tells everybody from which address he is seen.
 *
 *   node witness.ts ADDRESS4 ADDRESS6 NAME=IPV4...
 *
 * HTTP on port 80, UDP on port 7007, names on port 53; says `ready`, then `KIND ADDRESS WHAT` for each who comes.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import packet from 'dns-packet';

const NXDOMAIN = 3;
const [v4 = '', v6 = '', ...words] = process.argv.slice(2);
const known = new Map(
  words.map((word) => {
    const [name = '', data = ''] = word.split('=');
    return [name, data];
  }),
);
const bare = (address: string): string => address.replace(/^::ffff:/, '');

const web = createServer((request, response) => {
  const from = bare(request.socket.remoteAddress ?? '');
  console.log(`http ${from} ${request.url}`);
  response.end(`${from}\n`);
});
await new Promise<void>((resolve) => web.listen(80, '::', resolve));

for (const address of [v4, v6]) {
  const kind = address.includes(':') ? 'udp6' : 'udp4';
  const echo = createSocket({ type: kind, ipv6Only: kind === 'udp6' });
  echo.on('message', (_, from) => {
    console.log(`udp ${from.address} ${from.port}`);
    echo.send(from.address, from.port, from.address, () => undefined);
  });
  await new Promise<void>((resolve) => echo.bind(7_007, address, resolve));

  const names = createSocket({ type: kind, ipv6Only: kind === 'udp6' });
  names.on('message', (datagram, from) => {
    let question: ReturnType<typeof packet.decode>;
    try {
      question = packet.decode(datagram);
    } catch {
      return; // not DNS
    }
    const { id = 0, questions = [] } = question;
    const [asked] = questions;
    if (asked === undefined) return;
    const name = asked.name.toLowerCase();
    console.log(`dns ${from.address} ${asked.type} ${name}`);
    const data = known.get(name);
    const answers =
      data === undefined || asked.type !== 'A' ? [] : [{ type: 'A' as const, name, ttl: 1, data }];
    const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (data === undefined ? NXDOMAIN : 0);
    const answer = packet.encode({ type: 'response', id, flags, questions, answers });
    names.send(answer, from.port, from.address, () => undefined);
  });
  await new Promise<void>((resolve) => names.bind(53, address, resolve));
}
console.log('ready');
