/**
 * A large TCP transfer of which every byte is looked at.
 *
 *   node checked-stream.ts serve PORT                    compares what comes with what must come, for everybody; says
 *                                                        `ready`
 *   node checked-stream.ts send ADDRESS PORT BYTES RATE  sends so many, at most RATE a second; says `BYTES GAP` once a
 *                                                        second, with the longest time without progress so far in ms,
 *                                                        then `done BYTES WRONG GAP SECONDS` as the other side counted,
 *                                                        or `broken CODE`
 *
 * Compared, not hashed: that costs less than the tunnel does. A piece begins with its number and has a prime length, so that
 * nothing that was swapped, doubled or left out looks right.
 */
import { connect, createServer, type Socket } from 'node:net';

const PIECE_BYTES = 262_139;
const SAY_MS = 1_000;
const STEP_MS = 10;
const BURST_SECONDS = 0.1;
/** What may wait to be sent. */
const WAITING = 4 << 20;

const pattern = Buffer.alloc(PIECE_BYTES);
for (let i = 0, x = 1; i < PIECE_BYTES; i++) {
  x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
  pattern[i] = x >>> 24;
}

/** The bytes of the stream from `at` on, at most to the end of their piece. */
function expected(at: number, size: number): Buffer {
  const piece = Math.floor(at / PIECE_BYTES);
  const from = at - piece * PIECE_BYTES;
  if (from < 8) pattern.writeBigUInt64BE(BigInt(piece));
  return pattern.subarray(from, Math.min(PIECE_BYTES, from + size));
}

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(Number(words[0]));
else send(words[0] ?? '', words.slice(1).map(Number));

function serve(port: number): void {
  createServer({ noDelay: true, allowHalfOpen: true }, check).listen(port, '::', () => console.log('ready'));
}

/** Answers with a line: how many bytes came, how many pieces of them were wrong. */
function check(socket: Socket): void {
  let bytes = 0;
  let wrong = 0;
  socket.on('data', (data) => {
    for (let at = 0; at < data.length; ) {
      const want = expected(bytes, data.length - at);
      if (want.compare(data, at, at + want.length) !== 0) wrong += 1;
      at += want.length;
      bytes += want.length;
    }
  });
  socket.on('end', () => socket.end(`${bytes} ${wrong}\n`));
  socket.on('error', (error) => console.log(`broken ${error.message}`));
}

function send(address: string, [port = 0, total = 0, rate = 0]: readonly number[]): void {
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  const began = performance.now();
  let written = 0;
  let acknowledged = 0;
  let gapMs = 0;
  let movedMs = began;
  let filledMs = began;
  let allowed = 0;
  let answer = '';
  const moved = (): number => {
    // What has left this process; the kernel's own buffer is small beside it.
    const left = written - socket.writableLength;
    const now = performance.now();
    if (left > acknowledged) movedMs = now;
    gapMs = Math.max(gapMs, now - movedMs);
    acknowledged = left;
    return left;
  };
  const fill = (): void => {
    moved();
    const now = performance.now();
    // What was not used for a while is not made up for.
    allowed = Math.min(allowed + ((now - filledMs) / 1_000) * rate, rate * BURST_SECONDS);
    filledMs = now;
    while (allowed > 0 && written < total && socket.writableLength < WAITING) {
      // A copy: the pattern's first bytes change while this one waits.
      const piece = Buffer.from(expected(written, total - written));
      socket.write(piece);
      written += piece.length;
      allowed -= piece.length;
    }
    if (written >= total && !socket.writableEnded) socket.end();
  };
  const over = (line: string): void => {
    console.log(line);
    process.exit(line.startsWith('done') ? 0 : 1);
  };
  socket.on('connect', () => {
    setInterval(fill, STEP_MS);
    setInterval(() => console.log(`${moved()} ${Math.round(gapMs)}`), SAY_MS);
  });
  socket.on('error', (error) => over(`broken ${error.message}`));
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  socket.on('end', () => {
    const seconds = (performance.now() - began) / 1_000;
    const [bytes, wrong] = answer.trim().split(' ').map(Number);
    if (bytes === undefined || wrong === undefined) over('broken without an answer');
    else over(`done ${bytes} ${wrong} ${Math.round(gapMs)} ${seconds.toFixed(1)}`);
  });
}
