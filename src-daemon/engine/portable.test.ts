/** The portable engine against the suite that every engine must pass. */
import { engineConformance } from '../testing/engine-conformance.ts';
import { createPortableEngine } from './portable.ts';

engineConformance('portable', createPortableEngine);
