/** What a scenario is, and how one is run: in a lab of its own, always torn down, with a result whatever happens. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { toRhumbError } from '#shared/errors.ts';
import type { Figures, Result, Skipped } from './figures.ts';
import { Lab } from './lab.ts';
import { clock } from './wait.ts';

export interface Scenario {
  readonly name: string;
  /** One sentence: what holds when it passes. */
  readonly what: string;
  /** Programs it calls, besides those that every scenario needs. */
  readonly needs?: readonly string[];
  /** Why it can't be run here though all programs are there. */
  whyNot?(): string | undefined;
  /** Takes more than a minute: left to `npm run test:slow`. */
  readonly isSlow?: boolean;
  /** Throws when something does not hold. */
  run(lab: Lab, options: RunOptions): Promise<Figures>;
}

/** What a person who runs one scenario may say and read. */
export interface RunOptions {
  /** Words after the scenario's name. */
  readonly args: readonly string[];
  say(text: string): void;
}

export interface Outcome {
  readonly result: Result;
  /** Why it failed and what the programs said, for people. */
  readonly trouble: string | undefined;
}

const ALWAYS_NEEDED = ['ip', 'ping', 'setpriv', 'mount', 'sysctl'];

/**
 * Where programs of the system are. Some can't be installed beside what a machine has: RHUMB_LAB_PACKAGES names a folder into
 * which Debian packages were unpacked (dpkg-deb -x).
 */
export function programFolders(): readonly string[] {
  const unpacked = process.env['RHUMB_LAB_PACKAGES'];
  const services = ['/lib/systemd', ...(unpacked === undefined ? [] : [join(unpacked, 'lib/systemd')])];
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', ...services];
}

/** Why this machine cannot run the lab, or these programs; undefined when it can. */
export function whyNot(needs: readonly string[] = []): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun (mknod /dev/net/tun c 10 200)';
  const folders = programFolders();
  const missing = [...ALWAYS_NEEDED, ...needs].filter(
    (program) => !folders.some((folder) => existsSync(join(folder, program))),
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** In the tests: nothing asked for, nothing said. */
const QUIET: RunOptions = { args: [], say: () => undefined };

export async function play(
  scenario: Scenario,
  signal?: AbortSignal,
  options: RunOptions = QUIET,
): Promise<Outcome> {
  const reason = whyNot(scenario.needs) ?? scenario.whyNot?.();
  if (reason !== undefined) return skipped(scenario, [{ what: scenario.name, why: reason }]);
  const began = clock.monotonic();
  const lab = await Lab.open();
  const { name } = scenario;
  let outcome: Outcome;
  try {
    const aborted = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
    const figures = await Promise.race([scenario.run(lab, options), aborted.promise]);
    const whole = { ...figures, tookMs: Math.round(clock.monotonic() - began) };
    outcome = { result: { name, ok: true, figures: whole, skipped: [] }, trouble: undefined };
  } catch (error) {
    const { message, stack } = toRhumbError(error);
    const trouble = `${name}: ${message}\n${stack ?? ''}\n${lab.report()}`;
    outcome = { result: { name, ok: false, figures: {}, skipped: [] }, trouble };
  }
  await lab[Symbol.asyncDispose]();
  return outcome;
}

const skipped = (scenario: Scenario, why: readonly Skipped[]): Outcome => ({
  result: { name: scenario.name, ok: false, figures: {}, skipped: why },
  trouble: undefined,
});
