/**
 * Tries all the time to get something out of this machine, in every way that programs have; no failure stops it.
 *
 *   node chatterbox.ts TOKEN ADDRESS4 ADDRESS6 OTHER4...   to a witness, and UDP to others; says how much it tried each second
 *
 * The token is in every name and payload, so that a capture tells these packets from any other.
 */
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { connect } from 'node:net';
import packet from 'dns-packet';

const EVERY_MS = 50;
const TCP_LIMIT_MS = 1_000;
const MAX_TCP = 60;
const MAX_LOOKUPS = 3;
const [token = '', v4 = '', v6 = '', ...others] = process.argv.slice(2);
const tried: Record<string, number> = {};
const count = (kind: string): void => {
  tried[kind] = (tried[kind] ?? 0) + 1;
};
let number = 0;

const newSocket = (kind: 'udp4' | 'udp6'): Socket => {
  const socket = createSocket({
    type: kind,
    lookup: (host, _options, done) => done(null, host, kind === 'udp4' ? 4 : 6),
  });
  socket.on('error', () => undefined);
  return socket;
};
const sockets = { 4: newSocket('udp4'), 6: newSocket('udp6') };
await new Promise<void>((resolve) => sockets[4].bind(0, () => resolve()));
sockets[4].setBroadcast(true);

const udp = (kind: string, address: string, port: number, payload: Uint8Array): void => {
  count(kind);
  sockets[address.includes(':') ? 6 : 4].send(payload, port, address, () => undefined);
};
const question = (type: 'A' | 'AAAA'): Uint8Array =>
  packet.encode({
    type: 'query',
    id: number % 65_536,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name: `${token}-${number}.example` }],
  });

let openTcp = 0;
const tcp = (kind: string, host: string, port: number): void => {
  if (openTcp >= MAX_TCP) return;
  openTcp++;
  count(kind);
  const socket = connect({ host, port, timeout: TCP_LIMIT_MS });
  socket.once('connect', () => void socket.end(`GET /${token} HTTP/1.0\r\n\r\n`));
  socket.once('timeout', () => socket.destroy());
  socket.on('error', () => undefined);
  socket.once('close', () => openTcp--);
  socket.resume();
};

let lookups = 0;
const byResolver = (): void => {
  if (lookups >= MAX_LOOKUPS) return;
  lookups++;
  count('resolver');
  lookup(`${token}-r${number}.example`, () => lookups--);
};

/** Runs until it gives up, which it does without a network; then again. */
const ping = (address: string): void => {
  count(address.includes(':') ? 'ping6' : 'ping4');
  const hex = Buffer.from(token).toString('hex').slice(0, 32);
  const child = spawn('ping', ['-n', '-q', '-i', '0.1', '-w', '3', '-p', hex, address], { stdio: 'ignore' });
  child.on('close', () => setTimeout(() => ping(address), 200));
};
ping(v4);
ping(v6);

setInterval(() => {
  number++;
  const payload = Buffer.from(`${token} ${number}`);
  udp('udp4', v4, 7_007, payload);
  udp('udp6', v6, 7_007, payload);
  udp('dns4', v4, 53, question('A'));
  udp('dns6', v6, 53, question('AAAA'));
  if (number % 4 === 0) {
    tcp('tcp4', v4, 80);
    tcp('tcp6', v6, 80);
    tcp('dot', v4, 853);
    tcp('dnsTcp', v4, 53);
    udp('mdns4', '224.0.0.251', 5_353, question('A'));
    // Bound to the link, as programs that speak mDNS have it: no route is asked.
    udp('mdns6', 'ff02::fb%eth0', 5_353, question('AAAA'));
    udp('broadcast', '255.255.255.255', 7_007, payload);
    udp('quic', v4, 443, payload);
    for (const other of others) udp('others', other, 9, payload);
    byResolver();
  }
}, EVERY_MS);
setInterval(() => console.log(JSON.stringify(tried)), 1_000);
console.log('ready');
