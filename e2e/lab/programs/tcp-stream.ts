/**
 * A TCP transfer that goes on while something happens to the path, and says when it moved.
 *
 *   node tcp-stream.ts serve PORT          sends back whatever comes, to everybody; says `ready`
 *   node tcp-stream.ts to ADDRESS PORT     sends a piece every 20 ms; says `MS PIECES` for what came back, `broken CODE`
 *                                          when the connection is reset or closed
 */
import { connect, createServer } from 'node:net';

const EVERY_MS = 20;
/** 100 kB/s: enough that segments are always under way, little enough for many pairs at once. */
const PIECE = Buffer.alloc(2_000, 'rhumb');
/** What may be under way; a path that is dead for long holds this much. */
const WINDOW = 1 << 20;

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(Number(words[0]));
else send(words[0] ?? '', Number(words[1]));

function serve(port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', (error) => console.log(`broken ${error.message}`));
    socket.pipe(socket);
  });
  server.listen(port, '::', () => console.log('ready'));
}

function send(address: string, port: number): void {
  const socket = connect({ host: address, port, noDelay: true });
  let sent = 0;
  let back = 0;
  let isOver = false;
  const over = (why: string): void => {
    if (!isOver) console.log(`broken ${why}`);
    isOver = true;
    process.exit(1);
  };
  socket.on('error', (error) => over(error.message));
  socket.on('close', () => over('closed'));
  socket.on('data', (data) => {
    back += data.length;
    console.log(
      `${Math.round(performance.timeOrigin + performance.now())} ${Math.floor(back / PIECE.length)}`,
    );
  });
  socket.on('connect', () => {
    setInterval(() => {
      if (sent - back > WINDOW) return;
      sent += PIECE.length;
      socket.write(PIECE);
    }, EVERY_MS);
  });
}
