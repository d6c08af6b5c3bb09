/**
 * UDP datagrams at a rate, each a packet of its own, and their counting at the other end.
 *
 *   node udp-load.ts receive PORT                          says `ready`; ends when nothing came for 0.3 s after
 *                                                          the first, with a line of JSON: `datagrams`, `seconds` from
 *                                                          the first to the last
 *   node udp-load.ts send ADDRESS PORT SIZE RATE SECONDS [HEX]   RATE datagrams a second, evenly, or as many as the machine
 *                                                          makes, that begin with those bytes and go on with zeros; ends
 *                                                          with a line of JSON: `datagrams`, `seconds`
 *
 * Without an event loop: Node's own sockets cost more for a datagram than the tunnel that is measured.
 */
import { RhumbError } from '#shared/errors.ts';
import { datagramBatch } from '../../../src-daemon/ffi/datagram-batch.ts';
import { AF_INET, errnoName, libc, O_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from '../../../src-daemon/ffi/libc.ts';
import { enlarge, sockaddr } from '../../../src-daemon/ffi/sockets.ts';

const BUFFER_BYTES = 4 << 20;
/** asm-generic/socket.h, and struct timeval: seconds and microseconds, 64 bits each. */
const SO_RCVTIMEO = 20;
const TIMEVAL_BYTES = 16;
const SILENCE_MS = 300;
const FIRST_MS = 10_000;
const STEP_MS = 1;
/** More than so many steps behind is given up, not made up for. */
const BEHIND_STEPS = 10;
const LARGEST = 2_048;

/** Datagrams in one system call: those who send and count must not be what is measured. */
const BATCH = 64;

const [what, ...words] = process.argv.slice(2);
const c = libc();
const fd = c.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
ok(fd);
enlarge(fd, BUFFER_BYTES);
if (what === 'receive') receive(Number(words[0]));
else send(words[0] ?? '', words.slice(1, 5).map(Number), Buffer.from(words[5] ?? '', 'hex'));

function receive(port: number): void {
  const any = sockaddr('0.0.0.0', port);
  ok(c.bind(fd, any, any.length));
  const batch = datagramBatch(BATCH, LARGEST);
  waitAtMost(FIRST_MS);
  console.log('ready');
  const first = batch.receive(fd);
  const began = performance.now();
  waitAtMost(SILENCE_MS);
  let datagrams = 0;
  for (let more = first; typeof more === 'number'; more = batch.receive(fd)) datagrams += more;
  console.log(JSON.stringify({ datagrams, seconds: (performance.now() - began - SILENCE_MS) / 1_000 }));
}

function send(
  address: string,
  [port = 0, size = 0, rate = 0, seconds = 0]: readonly number[],
  beginning: Uint8Array,
): void {
  const to = sockaddr(address, port);
  ok(c.connect(fd, to, to.length));
  const batch = datagramBatch(BATCH, size, beginning);
  const perStep = (rate * STEP_MS) / 1_000;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const began = performance.now();
  let datagrams = 0;
  let forgiven = 0;
  for (let spent = 0; spent < seconds * 1_000; spent = performance.now() - began) {
    const due = Math.floor((spent / STEP_MS) * perStep - forgiven) - datagrams;
    if (due > BEHIND_STEPS * perStep) forgiven += due - perStep;
    else if (due < perStep) Atomics.wait(pause, 0, 0, STEP_MS);
    // What a full queue drops is lost, as it is to everybody.
    if (due > 0) {
      const went = batch.send(fd, due);
      if (typeof went === 'number') datagrams += went;
    }
  }
  console.log(JSON.stringify({ datagrams, seconds: (performance.now() - began) / 1_000 }));
}

function waitAtMost(ms: number): void {
  const limit = new Uint8Array(
    BigInt64Array.of(BigInt(Math.floor(ms / 1_000)), BigInt((ms % 1_000) * 1_000)).buffer,
  );
  ok(c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit, TIMEVAL_BYTES));
}

function ok(result: number): void {
  if (result < 0) throw new RhumbError('unavailable', `udp-load: ${errnoName()}`);
}
