/** The native engine behind the interface of all engines: encodes what it is told, hands on what it tells (data-plane.md §4). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { EngineFailure, type EngineHandle, type EngineLibrary } from '../ffi/engine.ts';
import { checkTunName } from '../tun/linux.ts';
import { AllSockets } from './all-sockets.ts';
import { Edges } from './edges.ts';
import { readEnds, readPeers, readRules, readStats } from './native-answers.ts';
import { failure, REFUSAL_BYTES, refusal, startFailure } from './native-faults.ts';
import { NativeMemory } from './native-memory.ts';
import {
  type NativeConfig,
  Side,
  writeCapture,
  writeClock,
  writeConfig,
  writeExpireHeld,
  writeHostPacket,
  writeOp,
  writePacket,
  writeReceived,
  writeRunClock,
} from './native-ops.ts';
import { lastWords, NativeStream, type OwnRecord } from './native-stream.ts';
import { NativeWriter } from './native-writer.ts';
import { checkShape } from './op-checks.ts';
import type { PortableOptions } from './portable.ts';
import { RuleTotals } from './rule-totals.ts';
import type { Binding } from './sockets.ts';
import type {
  EngineCaps,
  EngineConfig,
  EngineOp,
  EngineRecord,
  EngineStats,
  FilterRuleCount,
  InjectPacket,
  MemoryTun,
  PacketEngine,
  PeerActivity,
  PeerId,
  SocketFactory,
  Tap,
} from './types.ts';

/** The largest inner packet of IPv4 in IPv6: 65535 - 40 - 8 - 32, down to a multiple of 16. */
const MAX_MTU = 65_440;
const MIN_MTU = 576;
const MAX_PACKET = 65_535;
/** An engine that fails again this soon after it was replaced is not replaced once more. */
const FAILURE_SPACING_MS = 60_000;

export interface NativeSettings {
  /** For each way, from the host and to it; without it as many as are right for this machine. */
  readonly threads?: number | undefined;
  /** One packet per system call, as on systems without offloads. */
  readonly isPlain?: boolean | undefined;
}

export const createNativeEngine = (
  library: EngineLibrary,
  options: PortableOptions,
  settings: NativeSettings = {},
): PacketEngine => new NativeEngine(library, options, settings);

class NativeEngine implements PacketEngine {
  readonly kind = 'native' as const;
  readonly caps: EngineCaps;
  readonly #library: EngineLibrary;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #settings: NativeSettings;
  readonly #writer = new NativeWriter();
  readonly #memory = new NativeMemory();
  readonly #stream: NativeStream;
  readonly #refusal = new Uint8Array(REFUSAL_BYTES);
  #handle: EngineHandle;
  #phase: 'new' | 'starting' | 'running' | 'stopped' | 'destroyed' = 'new';
  /** The last start, which whoever stops the engine waits for. */
  #starting: Promise<void> | undefined;
  /** The library's part of it runs: from before we do until after. */
  #isOpen = false;
  /** The engine's clock is ours, read anew for each call; else it has its own. */
  #isClockOurs = true;
  #config: NativeConfig | undefined;
  /** Of a simulated wire; the system's are the engine's own. */
  #sockets: AllSockets | undefined;
  #host: MemoryTun | undefined;
  #cancelHold: (() => void) | undefined;
  #tap: Tap | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;
  #hasGivenUp = false;
  readonly #errors = new Edges();
  /** Drops that happen on our side of the engine. */
  #noSocket = 0;
  #sendFailed = 0;
  readonly #rules = new RuleTotals();

  constructor(library: EngineLibrary, { clock, log }: PortableOptions, settings: NativeSettings) {
    this.#settings = settings;
    this.#library = library;
    this.#clock = clock;
    this.#log = log;
    this.caps = { maxMtu: MAX_MTU, aead: library.aead };
    this.#handle = this.#create();
    this.#stream = new NativeStream({
      library,
      engine: () => this.#handle,
      take: (record) => this.#take(record),
      lost: (why) => this.#failed(`it can't be heard: ${why}`),
      log,
    });
  }

  get port(): number {
    return this.#sockets?.port ?? readEnds(this.#library, this.#handle).port;
  }

  get tunName(): string | undefined {
    if (this.#phase !== 'running') return undefined;
    if (this.#host !== undefined) return 'memory';
    const { name } = readEnds(this.#library, this.#handle);
    return name === '' ? undefined : name;
  }

  nowMs(): number {
    const isOurs = this.#isClockOurs || this.#phase === 'destroyed';
    return isOurs ? this.#ownNow() : this.#library.now(this.#handle);
  }

  async start(config: EngineConfig): Promise<void> {
    if (this.#phase !== 'new' && this.#phase !== 'stopped')
      throw new RhumbError('conflict', `start engine: it is ${this.#phase}`);
    const { mtu, tun } = config;
    if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU)
      throw new RhumbError('bad-argument', `start engine: mtu ${mtu} is not in ${MIN_MTU}..${MAX_MTU}`);
    if (tun.kind === 'device') checkTunName(tun.name);
    this.#phase = 'starting';
    const started = this.#openAll(config);
    this.#starting = started.catch(() => undefined); // whoever stops it need not know
    await started;
  }

  apply(ops: readonly EngineOp[]): void {
    for (const op of ops) checkShape(op);
    const filter = ops.findLast((op) => op.op === 'filter-set');
    const counted = filter === undefined ? [] : this.filterRules();
    this.#send(() => {
      for (const op of ops) writeOp(this.#writer, op);
    }, ops);
    for (const op of ops) {
      this.#memory.note(op);
      if (this.#phase === 'running') this.#sockets?.follow(op);
    }
    if (filter !== undefined) this.#rules.replace(filter.rules ?? [], counted);
    this.#stream.read();
  }

  inject(packets: readonly InjectPacket[]): number {
    return this.#inject(() => {
      for (const packet of packets) writePacket(this.#writer, packet);
    });
  }

  onRecords(handle: (batch: Iterable<EngineRecord>) => void): void {
    this.#stream.onRecords(handle);
  }

  peers(ids?: readonly PeerId[]): PeerActivity[] {
    return readPeers(this.#library, this.#handle, ids);
  }

  stats(): EngineStats {
    const stats = readStats(this.#library, this.#handle);
    stats['drop.no-socket'] = (stats['drop.no-socket'] ?? 0n) + BigInt(this.#noSocket);
    stats['drop.send-failed'] = (stats['drop.send-failed'] ?? 0n) + BigInt(this.#sendFailed);
    return stats;
  }

  filterRules(): readonly FilterRuleCount[] {
    return this.#rules.with(readRules(this.#library, this.#handle, this.#rules.size));
  }

  setTap(tap: Tap | undefined): void {
    this.#tap = tap;
    this.#send(() => writeCapture(this.#writer, tap !== undefined));
  }

  async stop(): Promise<void> {
    await this.#starting;
    if (this.#phase === 'destroyed') return;
    this.#phase = 'stopped';
    await this.#closeAll();
  }

  async destroy(): Promise<void> {
    await this.#starting;
    if (this.#phase === 'destroyed') return;
    this.#phase = 'destroyed';
    this.#stream.end();
    await this.#closeAll();
    this.#library.destroy(this.#handle);
  }

  #create(): EngineHandle {
    const handle = this.#library.create();
    if (handle < 0) throw failure('create engine', handle);
    return handle;
  }

  async #openAll(config: EngineConfig): Promise<void> {
    try {
      this.#open(config);
      await this.#sockets?.bind();
    } catch (error) {
      await this.#closeAll();
      this.#phase = 'stopped';
      throw error;
    }
    this.#phase = 'running';
    this.#listen();
    if (this.#host !== undefined) this.#host.send = (packet) => this.#fromHost(packet);
  }

  /** Everything but binding the sockets of a simulated wire, which takes a turn. */
  #open(config: EngineConfig): void {
    const { tun, mtu, port, mark, dontFragment = false, sockets, underLoadHandshakes } = config;
    const host = { device: Side.System, memory: Side.Ring, none: Side.None }[tun.kind];
    const wire = sockets === undefined ? Side.System : Side.Ring;
    const name = tun.kind === 'device' ? tun.name : '';
    this.#isClockOurs = host !== Side.System && wire !== Side.System;
    const { threads = 0, isPlain = false } = this.#settings;
    const given = { mtu, port, mark, dontFragment, underLoadHandshakes, name };
    this.#config = { host, wire, ...given, threads, isPlain };
    this.#configure(this.#config);
    this.#started(this.#library.start(this.#handle), this.#config);
    this.#isOpen = true;
    this.#host = tun.kind === 'memory' ? tun.tun : undefined;
    if (sockets !== undefined) this.#sockets = this.#newSockets(sockets, { port, mark, dontFragment });
  }

  #configure(config: NativeConfig): void {
    this.#send(() => {
      if (!this.#isClockOurs) writeRunClock(this.#writer, this.#ownNow());
      writeConfig(this.#writer, config);
    });
  }

  #started(result: number, config: NativeConfig): void {
    if (result < 0) throw startFailure(result, config);
  }

  #listen(): void {
    // With neither side the system's nothing happens but by a call of ours, and that reads.
    if (!this.#isClockOurs) this.#stream.open();
  }

  #newSockets(factory: SocketFactory, binding: Binding): AllSockets {
    return new AllSockets(
      factory,
      binding,
      {
        receive: (from, datagram, via) => {
          this.#inject(() => writeReceived(this.#writer, from, datagram, via));
        },
        sendFailed: (to, code, via) => {
          this.#sendFailed++;
          if (!this.#errors.isNew(`${code} ${to.ip}`, this.nowMs())) return;
          this.#stream.push({ type: 'path-error', peer: undefined, via: via === 0 ? undefined : via, code });
        },
        extraGone: (via, code) => {
          this.#log('info', 'socket.extra-gone', { via, code });
          this.#stream.push({ type: 'path-error', peer: undefined, via, code });
          // The engine leads no path through it any more.
          this.apply([{ op: 'socket-close', socket: via }]);
        },
        dead: (error) => {
          if (this.#phase === 'stopped' || this.#phase === 'destroyed') return;
          this.#stream.push({ type: 'device', what: 'socket-dead', detail: error.message });
        },
      },
      this.#clock,
      this.#log,
    );
  }

  #fromHost(packet: Uint8Array): void {
    if (packet.length <= MAX_PACKET) this.#inject(() => writeHostPacket(this.#writer, packet));
  }

  #inject(write: () => void): number {
    this.#writer.clear();
    if (this.#isClockOurs) writeClock(this.#writer, this.#ownNow());
    write();
    const accepted = this.#library.inject(this.#handle, this.#writer.written);
    if (accepted === EngineFailure.Panicked) this.#failed(lastWords(this.#library, this.#handle));
    this.#stream.read();
    return Math.max(0, accepted);
  }

  /** One batch of operations; `ops` are those of the caller, which follow ours. */
  #send(write: () => void, ops: readonly EngineOp[] = []): void {
    if (this.#phase === 'destroyed') return;
    this.#writer.clear();
    if (this.#isClockOurs) writeClock(this.#writer, this.#ownNow());
    write();
    const result = this.#library.apply(this.#handle, this.#writer.written, this.#refusal);
    this.#writer.clear();
    if (result >= 0) return;
    if (result === EngineFailure.Refused) throw refusal(this.#refusal);
    if (result !== EngineFailure.Panicked) throw failure('tell engine', result);
    // What it was told is told again to the next one, keys excepted: those sessions begin anew.
    for (const op of ops) this.#memory.note(op);
    this.#failed(lastWords(this.#library, this.#handle));
  }

  /** What is between the engine and us. */
  #take(record: OwnRecord): void {
    switch (record.kind) {
      case 'send':
        if (this.#sockets?.send(record.to, record.data, record.via) !== true) this.#noSocket++;
        return;
      case 'to-host':
        this.#host?.receive(record.data.slice());
        return;
      case 'tap':
        this.#tap?.(record.way, record.data);
        return;
      case 'hold':
        this.#hold(record.ms);
        return;
      case 'fatal':
        this.#failed(record.why);
        return;
      default:
        record satisfies never;
    }
  }

  #hold(ms: number): void {
    this.#cancelHold ??= this.#clock.after(ms, () => {
      this.#cancelHold = undefined;
      this.#send(() => writeExpireHeld(this.#writer));
      this.#stream.read();
    });
  }

  /** Another one takes its place, unless one just did. */
  #failed(why: string): void {
    if (this.#phase === 'destroyed') return;
    const now = this.#clock.monotonic();
    if (now - this.#failedAt < FAILURE_SPACING_MS) {
      this.#giveUp(why);
      return;
    }
    this.#failedAt = now;
    this.#hasGivenUp = false;
    this.#log('error', 'engine.failed', { why });
    try {
      this.#replace();
    } catch (error) {
      this.#giveUp(`${why}, and no other could be started: ${toRhumbError(error).message}`);
    }
  }

  /** The new engine takes over the descriptors of the one that failed, and is told all that it knew. */
  #replace(): void {
    this.#stream.close();
    const failed = this.#handle;
    this.#handle = this.#create();
    const config = this.#config;
    try {
      if (config !== undefined) this.#configure(config);
      if (config !== undefined && this.#isOpen)
        this.#started(this.#library.startFrom(this.#handle, failed), config);
    } finally {
      this.#library.destroy(failed);
    }
    this.#send(() => {
      for (const op of this.#memory.ops()) writeOp(this.#writer, op);
      writeCapture(this.#writer, this.#tap !== undefined);
    });
    if (this.#isOpen) this.#listen();
    // Who only receives would wait for the other side to notice.
    for (const peer of this.#memory.peersWithKeys(this.nowMs()))
      this.#stream.push({ type: 'need-handshake', peer, reason: 'no-key' });
  }

  /** Each further call fails as well; it is told once. */
  #giveUp(why: string): void {
    if (this.#hasGivenUp) return;
    this.#hasGivenUp = true;
    this.#stream.push({ type: 'device', what: 'tun-gone', detail: `the native engine failed: ${why}` });
  }

  #ownNow(): number {
    return Math.max(1, Math.floor(this.#clock.monotonic()));
  }

  async #closeAll(): Promise<void> {
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    this.#stream.close();
    if (this.#host !== undefined) this.#host.send = undefined;
    this.#host = undefined;
    const sockets = this.#sockets;
    this.#sockets = undefined;
    this.#isOpen = false;
    this.#library.stop(this.#handle);
    await sockets?.close();
  }
}
