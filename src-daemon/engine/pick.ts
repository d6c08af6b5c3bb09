/** Which engine moves the packets: RHUMB_ENGINE, else the best there is, with the reason; RHUMB_ENGINE_THREADS for its threads. */
import { RhumbError } from '#shared/errors.ts';
import { type LoadedEngine, loadEngine } from '../ffi/engine.ts';
import { createNativeEngine } from './native.ts';
import { createPortableEngine, type PortableOptions } from './portable.ts';
import type { PacketEngine } from './types.ts';

export interface Picked {
  readonly engine: PacketEngine;
  /** Why this one, for the log. */
  readonly reason: string;
}

/** Of this process. */
type Environment = Readonly<Record<string, string | undefined>>;

const MAX_THREADS = 4;

export function pickEngine(
  env: Environment,
  options: PortableOptions,
  load: () => LoadedEngine = loadEngine,
): Picked {
  const wanted = env['RHUMB_ENGINE'];
  const threads = threadsOf(env['RHUMB_ENGINE_THREADS']);
  switch (wanted) {
    case undefined:
    case '':
    case 'auto': {
      const loaded = load();
      if (!loaded.ok) return { engine: createPortableEngine(options), reason: loaded.why };
      return { engine: createNativeEngine(loaded.library, options, { threads }), reason: 'it is built' };
    }
    case 'portable':
      return { engine: createPortableEngine(options), reason: 'RHUMB_ENGINE=portable' };
    case 'native':
    case 'plain': {
      const loaded = load();
      if (!loaded.ok)
        throw new RhumbError(
          'unavailable',
          `RHUMB_ENGINE=${wanted}: ${loaded.why}; leave RHUMB_ENGINE unset or use portable`,
        );
      const engine = createNativeEngine(loaded.library, options, { threads, isPlain: wanted === 'plain' });
      return { engine, reason: `RHUMB_ENGINE=${wanted}` };
    }
    default:
      throw new RhumbError('bad-argument', `RHUMB_ENGINE=${wanted}: want native, plain, portable or auto`);
  }
}

/** For each way, from the host and to it; undefined leaves it to the engine, which looks at the processors. */
function threadsOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  throw new RhumbError('bad-argument', `RHUMB_ENGINE_THREADS=${text}: want 1 to ${MAX_THREADS}`);
}
