/** The native packet engine's C interface (data-plane.md §4.1, §4.2): calls with numbers and borrowed buffers. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { nameOfErrno } from './libc.ts';

/** Major version in the upper half, minor in the lower; `ABI` of native/src/abi.rs. */
export const ENGINE_ABI = 0x1_0001;

/** An engine; never a pointer. */
export type EngineHandle = number;

/**
 * The library. Buffers are used during the call only. Results below zero are failures: of the device -1000 less the
 * system's number, of sockets -2000 less it, others as in `EngineFailure`.
 */
export interface EngineLibrary {
  /** Name of the cipher at work. */
  readonly aead: string;
  create(): EngineHandle;
  start(engine: EngineHandle): number;
  /** With the descriptors of one that failed. */
  startFrom(engine: EngineHandle, failed: EngineHandle): number;
  apply(engine: EngineHandle, ops: Uint8Array, result: Uint8Array): number;
  poll(engine: EngineHandle, out: Uint8Array): number;
  inject(engine: EngineHandle, records: Uint8Array): number;
  /** A descriptor of the engine's; Windows has none. */
  wakeFd(engine: EngineHandle): number;
  /** Blocks a thread of the pool until there are records, at most so long: 1 when there are. */
  wait(engine: EngineHandle, ms: number): Promise<number>;
  stats(engine: EngineHandle, out: Uint8Array): number;
  /** `ids` are numbers of 32 bits; without any, all peers that ever had traffic. */
  peers(engine: EngineHandle, ids: Uint8Array, out: Uint8Array): number;
  rules(engine: EngineHandle, out: Uint8Array): number;
  ends(engine: EngineHandle, out: Uint8Array): number;
  now(engine: EngineHandle): number;
  stop(engine: EngineHandle): number;
  destroy(engine: EngineHandle): number;
}

export const EngineFailure = {
  Invalid: -1,
  Stale: -2,
  TooSmall: -4,
  NotSupported: -5,
  WrongState: -6,
  Refused: -8,
  Panicked: -9,
  Config: -10,
} as const;

/** Which part refused, and the system's name of the error; undefined when no part did. */
export function systemFailure(
  result: number,
): { readonly part: 'device' | 'socket'; readonly code: string } | undefined {
  if (result > -1_000) return undefined;
  return result > -2_000
    ? { part: 'device', code: nameOfErrno(-1_000 - result) }
    : { part: 'socket', code: nameOfErrno(-2_000 - result) };
}

export type LoadedEngine =
  | { readonly ok: true; readonly library: EngineLibrary }
  | { readonly ok: false; readonly why: string };

let loaded: LoadedEngine | undefined;

/** Loads the library once. `RHUMB_ENGINE_LIBRARY` names another file. */
export function loadEngine(): LoadedEngine {
  loaded ??= load(process.env['RHUMB_ENGINE_LIBRARY'] ?? engineLibraryPath());
  return loaded;
}

const SUFFIX: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'dylib', win32: 'dll' };

/** Beside the program when it is installed, else where cargo leaves it. */
function engineLibraryPath(): string {
  const suffix = SUFFIX[process.platform] ?? 'so';
  const name = process.platform === 'win32' ? `rhumb_engine.${suffix}` : `librhumb_engine.${suffix}`;
  const beside = join(dirname(process.execPath), name);
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../native/target/release', name);
}

function load(path: string): LoadedEngine {
  if (!existsSync(path)) return { ok: false, why: 'the native engine is not built' };
  try {
    const library = koffi.load(path);
    const abi: number = library.func('uint32_t pe_abi()')();
    if (abi >>> 16 !== ENGINE_ABI >>> 16 || abi < ENGINE_ABI)
      return { ok: false, why: `the native engine has another interface (${abi}, not ${ENGINE_ABI})` };
    return { ok: true, library: bind(library) };
  } catch (error) {
    return { ok: false, why: `the native engine does not load: ${(error as Error).message}` };
  }
}

function bind(library: LibraryHandle): EngineLibrary {
  const info = library.func('int32_t pe_info(_Out_ uint8_t *out, uint32_t cap)');
  const create = library.func('int64_t pe_create()');
  const start = library.func('int32_t pe_start(uint64_t engine)');
  const startFrom = library.func('int32_t pe_start_from(uint64_t engine, uint64_t failed)');
  const apply = library.func(
    'int32_t pe_apply(uint64_t engine, const uint8_t *ops, uint32_t len, _Out_ uint8_t *res, uint32_t cap)',
  );
  const poll = library.func('int32_t pe_poll(uint64_t engine, _Out_ uint8_t *out, uint32_t cap)');
  const inject = library.func('int32_t pe_inject(uint64_t engine, const uint8_t *recs, uint32_t len)');
  const wakeFd = library.func('int32_t pe_wakefd(uint64_t engine)');
  const wait = library.func('int32_t pe_wait(uint64_t engine, uint32_t ms)');
  const stats = library.func('int32_t pe_stats(uint64_t engine, _Out_ uint8_t *out, uint32_t cap)');
  const peers = library.func(
    'int32_t pe_peers(uint64_t engine, const uint8_t *ids, uint32_t n, _Out_ uint8_t *out, uint32_t cap)',
  );
  const rules = library.func('int32_t pe_rules(uint64_t engine, _Out_ uint8_t *out, uint32_t cap)');
  const ends = library.func('int32_t pe_ends(uint64_t engine, _Out_ uint8_t *out, uint32_t cap)');
  const now = library.func('int64_t pe_now(uint64_t engine)');
  const stop = library.func('int32_t pe_stop(uint64_t engine)');
  const destroy = library.func('int32_t pe_destroy(uint64_t engine)');
  const name = new Uint8Array(128);
  const nameLength: number = info(name, name.length);
  return {
    aead: new TextDecoder().decode(name.subarray(0, Math.max(0, nameLength))),
    create: () => Number(create()),
    start: (engine) => start(engine),
    startFrom: (engine, failed) => startFrom(engine, failed),
    apply: (engine, ops, result) => apply(engine, ops, ops.length, result, result.length),
    poll: (engine, out) => poll(engine, out, out.length),
    inject: (engine, records) => inject(engine, records, records.length),
    wakeFd: (engine) => wakeFd(engine),
    wait: (engine, ms) =>
      new Promise((resolve, reject) => {
        wait.async(engine, ms, (error: Error | null, result: number) => {
          if (error === null) resolve(result);
          else reject(error);
        });
      }),
    stats: (engine, out) => stats(engine, out, out.length),
    peers: (engine, ids, out) => peers(engine, ids, ids.length / 4, out, out.length),
    rules: (engine, out) => rules(engine, out, out.length),
    ends: (engine, out) => ends(engine, out, out.length),
    now: (engine) => Number(now(engine)),
    stop: (engine) => stop(engine),
    destroy: (engine) => destroy(engine),
  };
}
