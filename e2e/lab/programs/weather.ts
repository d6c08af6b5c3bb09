/**
 * The weather of the lab where the kernel has no netem: carries Ethernet frames between pairs of TAP devices, late, out
 * of order, or never.
 *
 *   node weather.ts SOCKET     says `ready`; takes lines {"cable": "p5", "weather": {…}} on the unix socket, each
 *                              answered by `ok` or a sentence; opens p5a and p5b, and closes them where no weather is given
 */
import { createServer } from 'node:net';
import { z } from 'zod';
import { closeFd, readFd, watchReadable, writeFd } from '../../../src-daemon/ffi/fd.ts';
import { openTap } from '../../../src-daemon/ffi/tun-device.ts';

const amount = z.number().min(0).max(60_000).default(0);
const percent = z.number().min(0).max(100).default(0);
const request = z.strictObject({
  cable: z.string().regex(/^[a-z][a-z0-9]{0,10}$/),
  weather: z
    .strictObject({ delayMs: amount, jitterMs: amount, lossPercent: percent, reorderPercent: percent })
    .optional(),
});
type Weather = NonNullable<z.output<typeof request>['weather']>;

interface Waiting {
  readonly dueMs: number;
  readonly frame: Uint8Array;
}

/** A jumbo frame with its header and tag. */
const FRAME_MAX = 9_200;
/** Frames taken from one device in a turn, so that no cable starves the others. */
const DRAIN = 64;
/** What a queue holds before it drops, as a router's buffer does. */
const QUEUE_MAX = 10_000;
/** Timers fire up to this late or early; a frame this near to its time goes. */
const NEAR_MS = 0.5;

/** One direction of a cable. */
class Way {
  readonly #into: number;
  /** In the order of their times; those before `#head` are gone. */
  #queue: Waiting[] = [];
  #head = 0;
  #lastDueMs = 0;

  constructor(into: number) {
    this.#into = into;
  }

  take(frame: Uint8Array, weather: Weather): void {
    if (Math.random() * 100 < weather.lossPercent) return;
    const overtakes = Math.random() * 100 < weather.reorderPercent;
    const waitMs = weather.delayMs + Math.random() * weather.jitterMs;
    const nowMs = performance.now();
    if (overtakes || (waitMs === 0 && this.nextMs === undefined)) {
      // A device that is down or gone loses the frame, as a cable does.
      writeFd(this.#into, frame);
      return;
    }
    if (this.#queue.length - this.#head >= QUEUE_MAX) return;
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + waitMs);
    this.#queue.push({ dueMs: this.#lastDueMs, frame: frame.slice() });
  }

  get nextMs(): number | undefined {
    return this.#queue[this.#head]?.dueMs;
  }

  deliver(nowMs: number): void {
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      if (next.dueMs > nowMs + NEAR_MS) break;
      this.#head += 1;
      writeFd(this.#into, next.frame);
    }
    if (this.#head > 1_000 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

interface Cable {
  weather: Weather;
  readonly ways: readonly Way[];
  close(): void;
}

const cables = new Map<string, Cable>();
const buffer = new Uint8Array(FRAME_MAX);
let timer: NodeJS.Timeout | undefined;
let timerMs = Number.POSITIVE_INFINITY;

/** One timer for all: for the frame that is due first. */
function arm(): void {
  let firstMs = Number.POSITIVE_INFINITY;
  for (const { ways } of cables.values())
    for (const way of ways) firstMs = Math.min(firstMs, way.nextMs ?? Number.POSITIVE_INFINITY);
  if (firstMs === timerMs) return;
  clearTimeout(timer);
  timerMs = firstMs;
  if (firstMs !== Number.POSITIVE_INFINITY)
    timer = setTimeout(deliver, Math.max(1, firstMs - performance.now()));
}

function deliver(): void {
  timerMs = Number.POSITIVE_INFINITY;
  const nowMs = performance.now();
  for (const { ways } of cables.values()) for (const way of ways) way.deliver(nowMs);
  arm();
}

function open(name: string, weather: Weather): Cable {
  const devices = ['a', 'b'].map((end) => {
    const opened = openTap(`${name}${end}`);
    if (!opened.ok) throw new Error(`${opened.step} ${name}${end}: ${opened.code}`);
    return opened.fd;
  });
  const [a = -1, b = -1] = devices;
  const [toB, toA] = [new Way(b), new Way(a)];
  const carry = (from: number, way: Way) => () => {
    for (let n = 0; n < DRAIN; n += 1) {
      const count = readFd(from, buffer);
      // Nothing waits, or the device is down.
      if (typeof count === 'string' || count === 0) break;
      way.take(buffer.subarray(0, count), cable.weather);
    }
    arm();
  };
  const cable: Cable = { weather, ways: [toB, toA], close: () => undefined };
  const stops = [watchReadable(a, carry(a, toB)), watchReadable(b, carry(b, toA))];
  cable.close = () => {
    for (const stop of stops) stop();
    for (const fd of devices) closeFd(fd);
  };
  return cable;
}

function obey(line: string): string {
  try {
    const { cable: name, weather } = request.parse(JSON.parse(line));
    const known = cables.get(name);
    if (weather === undefined) {
      known?.close();
      cables.delete(name);
    } else if (known === undefined) cables.set(name, open(name, weather));
    else known.weather = weather;
    return 'ok';
  } catch (error) {
    return String(error instanceof Error ? error.message : error).replaceAll('\n', ' ');
  }
}

const server = createServer((socket) => {
  let heard = '';
  socket.on('error', () => socket.destroy());
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (heard + text).split('\n');
    heard = lines.pop() ?? '';
    for (const line of lines) socket.write(`${obey(line)}\n`);
  });
});
server.listen(process.argv[2], () => console.log('ready'));
