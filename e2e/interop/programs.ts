/** Other people's programs, by the paths that a tester gives; without a path the tests that need one are skipped. */
import { existsSync } from 'node:fs';
import { whyNot } from '../lab/scenario.ts';

const VARIABLES = {
  tailscaled: 'RHUMB_INTEROP_TAILSCALED',
  tailscale: 'RHUMB_INTEROP_TAILSCALE',
  headscale: 'RHUMB_INTEROP_HEADSCALE',
  derper: 'RHUMB_INTEROP_DERPER',
} as const;
type Foreign = keyof typeof VARIABLES;

/** Why tests with these programs cannot run here; undefined when they can. */
export function whyNoInterop(...programs: readonly Foreign[]): string | undefined {
  const absent = programs.map((program) => VARIABLES[program]).filter((variable) => !process.env[variable]);
  if (absent.length > 0) return `${absent.join(' and ')} not given`;
  const wrong = programs.map(pathOf).filter((path) => !existsSync(path));
  return wrong.length > 0 ? `not there: ${wrong.join(', ')}` : whyNot(['curl']);
}

export const pathOf = (program: Foreign): string => process.env[VARIABLES[program]] ?? '';
