/** The settings as they are written, in a file or in the environment: each key with its type, and every problem with its place. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { offeredMap } from '../relay/offered-map.ts';
import { type Environment, settingsFromEnv, withSetting } from './config-env.ts';
import { keysAt } from './config-keys.ts';
import { type ConfigText, NO_TEXT, type PlaceOf, readConfigText } from './config-text.ts';
import { dnsSettings } from './dns-config.ts';
import { isHeadscale, type Translated, translate } from './headscale/read.ts';
import { nearest } from './nearest.ts';
import { addressSettings, routingSettings } from './nodes-config.ts';
import { oidcSettings } from './oidc-config.ts';
import { opsShape } from './ops-config.ts';
import { policySettings } from './policy-config.ts';
import { relaySettings } from './relay-config.ts';

const text = z.string().min(1).max(4_096);

const settings = z.strictObject({
  /** `host:port` or `:port`; port 0 picks one. */
  listen: text.optional(),
  stateDir: text.optional(),
  /** Under which machines and browsers reach this server. */
  serverUrl: text.optional(),
  baseDomain: text.optional(),
  tlsCert: text.optional(),
  tlsKey: text.optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  /** Lifetime of a machine's key. */
  keyExpiry: text.optional(),
  /** Absence after which an ephemeral machine is deleted. */
  ephemeralTimeout: text.optional(),
  magicDns: z.boolean().optional(),
  /** What machines are told about names. */
  dns: dnsSettings.optional(),
  /** Relays offered to machines, in the wire's form; `null` takes a region of another source away. */
  derpMap: offeredMap.optional(),
  /** More relay maps, as JSON files and from the web. */
  derpMapFiles: z.array(text).max(64).optional(),
  derpMapUrls: z.array(text).max(64).optional(),
  /** How often the URLs are asked. */
  derpMapRefresh: text.optional(),
  /** The relay inside this server. */
  relay: relaySettings.optional(),
  /** Identity providers at which people sign in. */
  oidc: oidcSettings,
  /** Where the policy is kept. */
  policy: policySettings.optional(),
  ...opsShape,
  minClientVersion: z.int().min(0).max(65_535).optional(),
  offerObservedAddress: z.boolean().optional(),
  /** Out of which machines get theirs. */
  addresses: addressSettings.optional(),
  /** New machines wait for an administrator's yes. */
  deviceApproval: z.boolean().optional(),
  /** How routers of one prefix stand in for each other. */
  routing: routingSettings.optional(),
  /** Absence after which a machine is deleted; 0 = never. */
  deleteInactive: text.optional(),
});

export type Settings = z.output<typeof settings>;
export type SettingsInput = z.input<typeof settings>;

/** The file, if one is named, and over it what the environment says. */
export function readSettings(file: string | undefined, env: Environment): Settings {
  const text: ConfigText = file === undefined ? NO_TEXT : readConfigFile(file);
  const fromEnv = settingsFromEnv(env, (path) => keysAt(settings, path));
  if (fromEnv.length === 0) return checkSettings(text.value, file ?? '', text.place);
  // The file first and alone: what is wrong in it has a line there.
  checkSettings(text.value, file ?? '', text.place);
  const names = fromEnv.map(({ name }) => name).join(', ');
  const value = fromEnv.reduce<unknown>((base, one) => withSetting(base, one, isFit), text.value);
  return checkSettings(value, `the configuration with ${names}`);
}

/** Ours as it is, and one of Headscale as what it comes to here. */
function readConfigFile(file: string): ConfigText & { readonly translated?: Translated } {
  const text = readConfigText(readFile(file), file);
  if (!isHeadscale(text.value)) return text;
  const translated = translate(text.value, text.place, file);
  return { ...translated, translated };
}

/** Undefined for a file of our own. */
export const readHeadscaleConfig = (file: string | undefined): Translated | undefined =>
  file === undefined ? undefined : readConfigFile(file).translated;

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the configuration: ${why}`, { cause });
  }
}

/** Every problem, each with the place and what would be right. */
export function checkSettings(value: unknown, where: string, place: PlaceOf = () => ''): Settings {
  const result = settings.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(key, issue.path) + place([...issue.path, key]))
      : [`${issue.path.join('.') || 'the file'}: ${issue.message}${place(issue.path)}`],
  );
  throw new RhumbError('bad-argument', `${where}: ${problems.join('; ')}`);
}

function unknownKey(key: string, path: readonly PropertyKey[]): string {
  const names = keysAt(settings, path);
  const meant = nearest(key, names);
  const whole = `"${[...path, key].join('.')}"`;
  return meant === undefined
    ? `unknown key ${whole}: the keys are ${names.join(', ')}`
    : `unknown key ${whole}: did you mean "${meant}"?`;
}

/** Whether a value may stand at a path, whatever is missing around it. */
function isFit(path: readonly string[], value: unknown): boolean {
  const whole = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const result = settings.safeParse(whole);
  return result.success || !result.error.issues.some((issue) => isAt(issue.path, path));
}

/** Numbers stand for elements of lists, which a path in the environment leaves out. */
const isAt = (found: readonly PropertyKey[], path: readonly string[]): boolean =>
  found.filter((step) => typeof step !== 'number').join('.') === path.join('.');
