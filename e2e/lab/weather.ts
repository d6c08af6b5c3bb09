/** Delay, jitter, loss and reordering on the cables of the lab: by `tc netem`, or by a program where the kernel has none. */
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import type { Host, Link } from './host.ts';
import type { LabProcess } from './process.ts';

/** What happens to packets on a cable, in each direction for itself. */
export interface Weather {
  /** One way. */
  readonly delayMs?: number;
  /** Added at random between none and this; the order of packets stays. */
  readonly jitterMs?: number;
  readonly lossPercent?: number;
  /** Of the packets, how many overtake those that wait; needs a delay. */
  readonly reorderPercent?: number;
}

/** Where a cable ends on the other side: a port of the lab's own namespace, plugged into a bridge. */
interface FarEnd {
  readonly port: string;
  readonly bridge: string;
}

const PROGRAM = join(import.meta.dirname, 'programs/weather.ts');
const ANSWER_MS = 10_000;

const isClear = (weather: Weather): boolean => Object.values(weather).every((value) => value === 0);

/** One for a lab. The program is started with the first cable that needs it. */
export class Sky {
  readonly #wires: Host;
  /** By host and interface. */
  readonly #ends = new Map<string, FarEnd>();
  /** Ports whose cable runs through the program. */
  readonly #spliced = new Set<string>();
  #maker: Promise<Maker> | undefined;
  #hasNetem: Promise<boolean> | undefined;

  constructor(wires: Host) {
    this.#wires = wires;
  }

  cable(host: Host, link: Link, end: FarEnd): void {
    this.#ends.set(`${host.name}/${link.name}`, end);
  }

  async set(host: Host, link: Link, weather: Weather): Promise<void> {
    const end = this.#ends.get(`${host.name}/${link.name}`);
    if (end === undefined) throw new RhumbError('internal', `${host.name} has no cable called ${link.name}`);
    this.#hasNetem ??= this.#probeNetem();
    if (await this.#hasNetem) {
      await shape(host, link.name, weather);
      await shape(this.#wires, end.port, weather);
    } else if (isClear(weather)) await this.#unsplice(end);
    else await this.#splice(end, weather);
  }

  async #probeNetem(): Promise<boolean> {
    const add = ['tc', 'qdisc', 'replace', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'];
    const { code } = await this.#wires.exec(add, { mayFail: true });
    if (code === 0) await this.#wires.exec(['tc', 'qdisc', 'delete', 'dev', 'lo', 'root']);
    return code === 0;
  }

  /** port ─ bridge becomes port ─ small bridge ─ tap ═ program ═ tap ─ bridge. */
  async #splice({ port, bridge }: FarEnd, weather: Weather): Promise<void> {
    this.#maker ??= Maker.start(this.#wires);
    const maker = await this.#maker;
    await maker.tell({ cable: port, weather });
    if (this.#spliced.has(port)) return;
    this.#spliced.add(port);
    const [near, far, small] = [`${port}a`, `${port}b`, `${port}c`];
    await this.#wires.ip(
      `link add ${small} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      ...[small, near, far].map((name) => `link set ${name} addrgenmode none`),
      `link set ${near} master ${small} up`,
      `link set ${far} master ${bridge} up`,
      `link set ${small} up`,
      `link set ${port} master ${small}`,
    );
  }

  async #unsplice({ port, bridge }: FarEnd): Promise<void> {
    if (!this.#spliced.delete(port)) return;
    await this.#wires.ip(`link set ${port} master ${bridge}`, `link delete ${port}c`);
    await (await this.#maker)?.tell({ cable: port });
  }
}

async function shape(host: Host, dev: string, weather: Weather): Promise<void> {
  if (isClear(weather)) {
    await host.exec(['tc', 'qdisc', 'delete', 'dev', dev, 'root'], { mayFail: true });
    return;
  }
  const { delayMs = 0, jitterMs = 0, lossPercent = 0, reorderPercent = 0 } = weather;
  const words = [
    // Ours lies between none and the whole, netem's around the middle.
    ...['delay', `${delayMs + jitterMs / 2}ms`, `${jitterMs / 2}ms`],
    ...(lossPercent > 0 ? ['loss', `${lossPercent}%`] : []),
    ...(reorderPercent > 0 ? ['reorder', `${reorderPercent}%`] : []),
  ];
  await host.exec(['tc', 'qdisc', 'replace', 'dev', dev, 'root', 'netem', ...words, 'limit', '10000']);
}

/** The program and the line to it: one request is under way at a time. */
class Maker {
  readonly #socket: Socket;
  readonly #process: LabProcess;
  #heard = '';
  #waiting: ((line: string) => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket, process: LabProcess) {
    this.#socket = socket;
    this.#process = process;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#heard += text;
      const end = this.#heard.indexOf('\n');
      if (end < 0) return;
      const line = this.#heard.slice(0, end);
      this.#heard = this.#heard.slice(end + 1);
      this.#waiting?.(line);
    });
    // A program that ended is noticed by the request that gets no answer.
    socket.on('error', () => undefined);
    socket.unref();
  }

  static async start(wires: Host): Promise<Maker> {
    const path = join(wires.folder, 'weather.sock');
    const child = wires.spawn({ name: 'weather', argv: [process.execPath, PROGRAM, path] });
    await child.says(/^ready$/m);
    return new Maker(createConnection(path), child);
  }

  /** Without a weather the cable's devices are removed. */
  async tell(request: { readonly cable: string; readonly weather?: Weather }): Promise<void> {
    const mine = this.#turn.then(() => this.#ask(request));
    this.#turn = mine.catch(() => undefined);
    await mine;
  }

  async #ask(request: unknown): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting = resolve;
    this.#socket.write(`${JSON.stringify(request)}\n`);
    const timeout = AbortSignal.timeout(ANSWER_MS);
    timeout.addEventListener('abort', () => resolve('no answer'), { once: true });
    const answer = await promise;
    if (answer !== 'ok')
      throw new RhumbError('unavailable', `the weather: ${answer}: ${this.#process.tail(5)}`);
  }
}
