/**
 * Servers for finding out what a NAT does: each tells a sender the address it saw, from itself or from another of them.
 *
 *   node udp-mirror.ts ADDRESS PORT [ADDRESS PORT …]     says `ready` when all are bound
 *
 * A request is {"id", "from"?}: `from` is the number of the socket that should answer. A request {"meet"} is answered
 * with the address of the other who names the same meeting, once there is one.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { z } from 'zod';

const request = z.object({ id: z.string().max(64), from: z.int().min(0).optional() });
const meeting = z.object({ meet: z.string().max(64) });
const guests = new Map<string, RemoteInfo[]>();

const words = process.argv.slice(2);
const sockets: Socket[] = [];
for (let n = 0; n + 1 < words.length; n += 2) {
  const address = words[n] ?? '';
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
  const { promise: bound, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind({ address, port: Number(words[n + 1]) }, resolve);
  await bound;
  socket.on('message', (datagram, sender) => {
    const json = safeJson(datagram.toString('utf8'));
    const met = meeting.safeParse(json);
    if (met.success) return introduce(socket, met.data.meet, sender);
    const asked = request.safeParse(json);
    if (!asked.success) return;
    const { id, from = sockets.indexOf(socket) } = asked.data;
    const answer = JSON.stringify({ id, from, ip: sender.address, port: sender.port });
    sockets[from]?.send(answer, sender.port, sender.address);
  });
  sockets.push(socket);
}
console.log('ready');

function introduce(socket: Socket, meet: string, sender: RemoteInfo): void {
  const known = guests.get(meet) ?? [];
  const isSender = (one: RemoteInfo): boolean => one.address === sender.address && one.port === sender.port;
  if (!known.some(isSender)) known.push(sender);
  guests.set(meet, known);
  const other = known.find((one) => !isSender(one));
  if (other === undefined) return;
  socket.send(JSON.stringify({ ip: other.address, port: other.port }), sender.port, sender.address);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
