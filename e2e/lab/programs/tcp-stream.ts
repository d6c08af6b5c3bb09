/**
 * A TCP transfer that goes on while something happens to the path, and says when it moved.
 *
 *   node tcp-stream.ts serve PORT          sends back whatever comes, to everybody; says `ready`
 *   node tcp-stream.ts to ADDRESS PORT     sends a piece every 20 ms; says `PIECES GAP` ten times a second while pieces
 *                                          come back, with the longest silence so far in ms, and `broken CODE` when the
 *                                          connection is reset or closed
 */
import { connect, createServer } from 'node:net';

const EVERY_MS = 20;
const SAY_MS = 100;
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
  let saidBytes = 0;
  let gapMs = 0;
  let lastMs = performance.now();
  socket.on('data', (data) => {
    back += data.length;
    gapMs = Math.max(gapMs, performance.now() - lastMs);
    lastMs = performance.now();
  });
  setInterval(() => {
    if (back > saidBytes) console.log(`${Math.floor(back / PIECE.length)} ${Math.round(gapMs)}`);
    saidBytes = back;
  }, SAY_MS);
  socket.on('connect', () => {
    setInterval(() => {
      if (sent - back > WINDOW) return;
      sent += PIECE.length;
      socket.write(PIECE);
    }, EVERY_MS);
  });
}
