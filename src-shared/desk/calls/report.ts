/** A report for whoever helps: what is known here as text files, without keys. Nothing is sent anywhere. */
import type { Handlers } from '../../bridge/dispatch.ts';
import { toRhumbError } from '../../errors.ts';
import { encodePrefs } from '../../localapi/prefs.ts';
import { stringifyJson } from '../../wire/json.ts';
import { AddressMask, withoutSecrets } from '../mask.ts';
import { lastLines } from './log.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'api' | 'clock' | 'desk' | 'localNetworks' | 'version'>;
type Measure = (signal: AbortSignal) => Promise<unknown>;

const MAX_TEXT = 4_000_000;

/** `measure` checks the network as Diagnostics does. */
export function reportCalls(parts: Needs, measure: Measure): Handlers<'report.build'> {
  return {
    'report.build': async ({ mask }, { signal }) => {
      const addresses = new AddressMask();
      const files = await Promise.all(
        Object.entries(sections(parts, measure)).map(async ([name, make]) => ({
          name,
          text: await written(make, signal),
        })),
      );
      return files.map(({ name, text }) => {
        const safe = withoutSecrets(text);
        return { name, text: (mask ? addresses.hide(safe) : safe).slice(0, MAX_TEXT) };
      });
    },
  };
}

/** A part that can't be had says why: that is a finding, too. */
async function written(make: Measure, signal: AbortSignal): Promise<string> {
  try {
    const value = await make(signal);
    return typeof value === 'string' ? value : `${pretty(value)}\n`;
  } catch (error) {
    signal.throwIfAborted();
    return `not available: ${toRhumbError(error).message}\n`;
  }
}

const pretty = (value: unknown): string => JSON.stringify(JSON.parse(stringifyJson(value)), undefined, 2);

function sections(
  { api, clock, desk, localNetworks, version }: Needs,
  measure: Measure,
): Readonly<Record<string, Measure>> {
  const { snapshot } = desk;
  return {
    'versions.json': async () => ({
      program: version,
      daemon: snapshot.daemon,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      at: new Date(clock.now()).toISOString(),
    }),
    'state.json': async () => ({
      link: snapshot.link,
      state: snapshot.state,
      loginError: snapshot.loginError,
    }),
    'status.json': (signal) => api.statusJson({ peers: true }, signal),
    'prefs.json': async (signal) => encodePrefs(await api.prefs(signal)),
    'health.json': async () => snapshot.warnings,
    'interfaces.json': async () => localNetworks(),
    'dns-network.json': (signal) => api.get('dns-config', signal),
    'dns-system.json': (signal) => api.get('dns-osconfig', signal),
    'netcheck.json': measure,
    'metrics.txt': (signal) => api.text('GET', 'metrics', 200, signal),
    'log.txt': async (signal) => `${(await lastLines(api, signal)).join('\n')}\n`,
  };
}
