/**
 * A bulk transfer over TCP whose bytes are checked.
 *
 *   node tcp-bulk.ts serve PORT              hashes what each connection brings and answers with the hash; says `ready`
 *   node tcp-bulk.ts to ADDRESS PORT BYTES   sends so many bytes; says `same` if the other end got just those
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const PIECE_BYTES = 64 * 1_024;

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(Number(words[0]));
else await send(words[0] ?? '', Number(words[1]), Number(words[2]));

function serve(port: number): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256');
    socket.on('error', (error) => console.log(`broken ${error.message}`));
    socket.on('data', (data) => hash.update(data));
    socket.on('end', () => socket.end(hash.digest('hex')));
  });
  server.listen(port, '::', () => console.log('ready'));
}

/** Pieces differ from each other, so that one in another's place is noticed. */
async function send(address: string, port: number, bytes: number): Promise<void> {
  const socket = connect({ host: address, port, allowHalfOpen: true });
  await once(socket, 'connect');
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES, 'rhumb');
  for (let left = bytes, n = 0; left > 0; n++) {
    piece.writeUInt32BE(n);
    const part = Buffer.from(piece.subarray(0, left));
    hash.update(part);
    if (!socket.write(part)) await once(socket, 'drain');
    left -= part.length;
  }
  socket.end();
  let answer = '';
  for await (const data of socket) answer += String(data);
  console.log(answer === hash.digest('hex') ? 'same' : 'different');
}
