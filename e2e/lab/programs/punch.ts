/**
 * Tries to reach another host directly: learns its outer address from a mirror (udp-mirror.ts), sends there, answers
 * whoever is heard and sends there too. What a pair can do at best without guessing ports.
 *
 *   node punch.ts MIRROR PORT MEETING     prints {"direct": true, "from": "…"} or {"direct": false}
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { z } from 'zod';

const [mirror = '', port = '', meet = ''] = process.argv.slice(2);
const EVERY_MS = 100;
const TRY_MS = 2_500;
/** The same at both ends, so that a NAT which both are behind has to choose; of this meeting only (§9.1-2). */
const PORT =
  20_000 + (Number.parseInt(createHash('sha256').update(meet).digest('hex').slice(0, 8), 16) % 20_000);
/** The other may start later than we do. */
const MEET_MS = 8_000;

const address = z.object({ ip: z.string(), port: z.int() });
const socket = createSocket(isIPv6(mirror) ? 'udp6' : 'udp4');
/** Where pings go: what the mirror said, and whoever pinged us. */
const others = new Map<string, { readonly ip: string; readonly port: number }>();
let introducedAt: number | undefined;
const began = performance.now();

const add = (ip: string, to: number): unknown => others.set(`${ip} ${to}`, { ip, port: to });

socket.on('error', () => undefined);
socket.on('message', (datagram, sender) => {
  const text = datagram.toString('utf8');
  if (text === `ping ${meet}`) {
    add(sender.address, sender.port);
    socket.send(`pong ${meet}`, sender.port, sender.address);
  } else if (text === `pong ${meet}`) finish(sender.address);
  else if (sender.address === mirror && introducedAt === undefined) {
    const other = address.parse(JSON.parse(text));
    introducedAt = performance.now();
    add(other.ip, other.port);
  }
});
socket.bind(PORT, () => setInterval(round, EVERY_MS));

let found: string | undefined;

function round(): void {
  const now = performance.now();
  if (introducedAt === undefined) {
    socket.send(JSON.stringify({ meet }), Number(port), mirror);
    if (now - began > MEET_MS) end();
    return;
  }
  // The other must be heard too, so that the first who succeeds goes on for a while.
  for (const { ip, port: to } of others.values()) socket.send(`ping ${meet}`, to, ip);
  socket.send(JSON.stringify({ meet }), Number(port), mirror);
  if (now - introducedAt > TRY_MS) end();
}

function finish(from: string): void {
  found ??= from;
}

function end(): void {
  console.log(JSON.stringify(found === undefined ? { direct: false } : { direct: true, from: found }));
  process.exit();
}
