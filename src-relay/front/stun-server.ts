/** STUN over UDP: one socket per local address, so that an answer leaves from the address that was asked (nat-traversal.md §2.2). */
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { codeOf } from '#shared/node/net-error.ts';
import { answerStun, type StunDisposition } from './stun-answer.ts';
import { StunBudget } from './stun-budget.ts';

export interface StunOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** An address, `0.0.0.0` for every IPv4 address of this machine, `::` for every one. */
  readonly host: string;
  /** 0 picks one. */
  readonly ports: readonly number[];
  /** Whether clients that are not of this network's kind get an answer, within narrow bounds. */
  readonly answersGeneric: boolean;
  /** Where the machine's addresses come from; tests hand in their own. */
  readonly interfaces?: typeof networkInterfaces;
}

export interface StunServer extends AsyncDisposable {
  /** In the order of `ports`. */
  readonly ports: readonly number[];
  readonly counters: StunCounters;
}

export interface StunCounters {
  readonly requests: ReadonlyMap<StunDisposition | 'write_error', number>;
  readonly families: ReadonlyMap<'ipv4' | 'ipv6', number>;
}

/** Addresses that appear later are served within this time. */
const LOOK_EVERY_MS = 5_000;
const MAX_SOCKETS = 512;
const PICK_ATTEMPTS = 20;

/** Listens on every port, or rejects with what to do about it. */
export async function openStunServer(options: StunOptions): Promise<StunServer> {
  const server = new Stun(options);
  try {
    await server.start();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

class Stun implements StunServer {
  readonly #options: StunOptions;
  readonly #budget: StunBudget | undefined;
  /** By `address port`. */
  readonly #sockets = new Map<string, Socket>();
  readonly #requests = new Map<StunDisposition | 'write_error', number>();
  readonly #families = new Map<'ipv4' | 'ipv6', number>();
  #ports: readonly number[] = [];
  #cancelLook: (() => void) | undefined;
  #isClosed = false;

  constructor(options: StunOptions) {
    this.#options = options;
    this.#budget = options.answersGeneric ? new StunBudget(options.clock) : undefined;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get counters(): StunCounters {
    return { requests: this.#requests, families: this.#families };
  }

  async start(): Promise<void> {
    const ports: number[] = [];
    for (const port of this.#options.ports) ports.push(await this.#listen(port));
    this.#ports = ports;
    if (isWildcard(this.#options.host)) this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook?.();
    const closing = [...this.#sockets.values()].map(
      (socket) => new Promise<void>((resolve) => socket.close(() => resolve())),
    );
    this.#sockets.clear();
    await Promise.all(closing);
  }

  /** All addresses on one port; with port 0, on one that is free on all of them. */
  async #listen(wanted: number): Promise<number> {
    const addresses = addressesOf(this.#options);
    for (let attempt = 1; ; attempt++) {
      let port = wanted;
      const opened: string[] = [];
      try {
        for (const address of addresses) {
          if (!(await this.#bind(address, port))) continue;
          if (port === 0) port = this.#settle(address);
          opened.push(`${address} ${port}`);
        }
        if (opened.length === 0) throw new RhumbError('unavailable', 'this machine has no address');
        return port;
      } catch (error) {
        await this.#closeAll(opened);
        if (wanted !== 0 || attempt >= PICK_ATTEMPTS || codeOf(error) !== 'EADDRINUSE')
          throw listenError(this.#options.host, wanted, error);
      }
    }
  }

  /** Files a socket that picked its port under that port. */
  #settle(address: string): number {
    const socket = this.#sockets.get(`${address} 0`);
    if (socket === undefined) throw new RhumbError('internal', 'a socket that was just bound is gone');
    const { port } = socket.address();
    this.#sockets.delete(`${address} 0`);
    this.#sockets.set(`${address} ${port}`, socket);
    return port;
  }

  async #closeAll(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const socket = this.#sockets.get(name);
      this.#sockets.delete(name);
      if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
    }
  }

  /** False when the address is not there (any more, or not yet: IPv6 checks for duplicates first). */
  async #bind(address: string, port: number): Promise<boolean> {
    const isV6 = address.includes(':');
    const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ address, port, exclusive: true }, resolve);
      });
    } catch (error) {
      socket.close();
      const code = codeOf(error);
      if (isWildcard(this.#options.host) && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'))
        return false;
      throw error;
    }
    socket.removeAllListeners('error');
    const name = `${address} ${port}`;
    this.#sockets.set(name, socket);
    socket.on('message', (datagram, from) => this.#onMessage(socket, datagram, from.address, from.port));
    socket.on('error', (error) => {
      this.#options.log('warn', 'stun.socket-failed', { address, port, error });
      for (const [key, one] of this.#sockets) if (one === socket) this.#sockets.delete(key);
      socket.close();
    });
    return true;
  }

  #onMessage(socket: Socket, datagram: Uint8Array, address: string, port: number): void {
    // A link-local address comes with its interface, which is no part of it.
    const ip = address.split('%', 1)[0] ?? address;
    const verdict = answerStun(datagram, { ip, port }, this.#budget);
    count(this.#requests, verdict.disposition);
    if (verdict.answer === undefined) return;
    count(this.#families, verdict.family);
    socket.send(verdict.answer, port, address, (error) => {
      if (error !== null && error !== undefined) count(this.#requests, 'write_error');
    });
  }

  /** Follows the machine's addresses. */
  #look(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_EVERY_MS, () => {
      void this.#follow().then(() => {
        if (!this.#isClosed) this.#look();
      });
    });
  }

  async #follow(): Promise<void> {
    const wanted = new Set<string>();
    try {
      for (const address of addressesOf(this.#options))
        for (const port of this.#ports) wanted.add(`${address} ${port}`);
    } catch (error) {
      // The system tells only whom it can give a descriptor: while there is none, what is open stays.
      this.#options.log('warn', 'stun.addresses-unknown', { error });
      return;
    }
    for (const [name, socket] of [...this.#sockets])
      if (!wanted.has(name)) {
        this.#sockets.delete(name);
        socket.close();
      }
    for (const name of wanted) {
      if (this.#sockets.has(name) || this.#sockets.size >= MAX_SOCKETS || this.#isClosed) continue;
      const [address = '', port = ''] = name.split(' ');
      try {
        if (await this.#bind(address, Number(port)))
          this.#options.log('info', 'stun.address-added', { address, port: Number(port) });
      } catch (error) {
        this.#options.log('warn', 'stun.address-refused', { address, port: Number(port), error });
      }
    }
    if (this.#isClosed) await this[Symbol.asyncDispose]();
  }
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Link-local addresses are left out: nobody finds a relay by one. */
function addressesOf({ host, interfaces = networkInterfaces }: StunOptions): readonly string[] {
  if (!isWildcard(host)) return [host];
  const found = new Set<string>();
  for (const list of Object.values(interfaces()))
    for (const { address, family } of list ?? []) {
      if (family === 'IPv6' && (host === '0.0.0.0' || /^fe[89ab]/i.test(address))) continue;
      if (parseIp(address) !== undefined) found.add(address);
    }
  return [...found].slice(0, MAX_SOCKETS);
}

const count = <K>(map: Map<K, number>, key: K): void => void map.set(key, (map.get(key) ?? 0) + 1);

function listenError(host: string, port: number, cause: unknown): RhumbError {
  if (cause instanceof RhumbError) return cause;
  const code = codeOf(cause) ?? '';
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use: stop the other program, or choose another STUN port',
    EACCES: 'not permitted: use a port above 1023, or run with the right to bind it',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const text = why[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new RhumbError('unavailable', `can't serve STUN on ${host} port ${port}: ${text}`, { cause });
}
