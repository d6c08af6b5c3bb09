/** Which engine moves the packets: RHUMB_ENGINE, else the best there is, with the reason. */
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

/** `wanted` is the value of RHUMB_ENGINE. */
export function pickEngine(
  wanted: string | undefined,
  options: PortableOptions,
  load: () => LoadedEngine = loadEngine,
): Picked {
  switch (wanted) {
    case undefined:
    case '':
    case 'auto': {
      const loaded = load();
      if (!loaded.ok) return { engine: createPortableEngine(options), reason: loaded.why };
      return { engine: createNativeEngine(loaded.library, options), reason: 'it is built' };
    }
    case 'portable':
      return { engine: createPortableEngine(options), reason: 'RHUMB_ENGINE=portable' };
    case 'native': {
      const loaded = load();
      if (loaded.ok)
        return { engine: createNativeEngine(loaded.library, options), reason: 'RHUMB_ENGINE=native' };
      throw new RhumbError(
        'unavailable',
        `RHUMB_ENGINE=native: ${loaded.why}; leave RHUMB_ENGINE unset or use portable`,
      );
    }
    default:
      throw new RhumbError('bad-argument', `RHUMB_ENGINE=${wanted}: want native, portable or auto`);
  }
}
