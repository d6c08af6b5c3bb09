/** The native engine against the suite that every engine must pass; skipped where it is not built. */
import { test } from 'vitest';
import { loadEngine } from '../ffi/engine.ts';
import { engineConformance } from '../testing/engine-conformance.ts';
import { createNativeEngine } from './native.ts';

const loaded = loadEngine();

if (loaded.ok) engineConformance('native', (options) => createNativeEngine(loaded.library, options));
else test('the native engine', ({ skip }) => skip(loaded.why));
