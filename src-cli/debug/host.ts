/** `rhumb debug …` about this machine and this command. */
import { lstat, readdir } from 'node:fs/promises';
import { hostname, release, type } from 'node:os';
import { RhumbError } from '#shared/errors.ts';
import { VERSION } from '#shared/version.ts';
import { type Context, withTimeout } from '../commands/context.ts';
import { confirmRisk } from '../commands/risk.ts';
import type { Action } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';
import { shellQuote } from '../print/shell.ts';

/** `rhumb debug env`. */
export const debugEnv: Action = async ({ env, out }) => {
  for (const [name, value] of Object.entries(env)) out(`${name}=${value ?? ''}\n`);
  return 0;
};

/** `rhumb debug local-creds`. */
export const localCreds: Action = async ({ out, socketPath }) => {
  out(`curl --unix-socket ${shellQuote(socketPath)} http://local-tailscaled.sock/localapi/v0/status\n`);
  return 0;
};

const MAX_NAMES = 25;

/** `rhumb debug stat`. */
export const debugStat: Action = async ({ out }, { args }) => {
  for (const path of args) out(await describe(path));
  return 0;
};

async function describe(path: string): Promise<string> {
  try {
    const found = await lstat(path);
    const line = `${path}: ${modeText(found)}, ${found.size}\n`;
    if (!found.isDirectory()) return line;
    const names = (await readdir(path)).sort();
    const more = names.length > MAX_NAMES ? '  ...\n' : '';
    return `${line}${names
      .slice(0, MAX_NAMES)
      .map((name) => `  - ${name}\n`)
      .join('')}${more}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return `${path}: ${code === 'ENOENT' ? 'no such file or directory' : code}\n`;
  }
}

type Found = Awaited<ReturnType<typeof lstat>>;

function modeText(found: Found): string {
  const kind = found.isDirectory() ? 'd' : found.isSymbolicLink() ? 'L' : found.isSocket() ? 'S' : '-';
  const bits = Number(found.mode) & 0o777;
  const letters = [...'rwxrwxrwx'].map((letter, at) => ((bits & (0o400 >> at)) === 0 ? '-' : letter));
  return `${kind}${letters.join('')}`;
}

const RESOLVE_MS = 5_000;

/** `rhumb debug resolve`. */
export const debugResolve: Action = async (context, { flags, args }) => {
  const [name] = args;
  if (name === undefined) throw new RhumbError('bad-argument', 'usage: rhumb debug resolve <name>');
  const wanted = flags.text('net');
  const addresses = await withTimeout(context, RESOLVE_MS, () => lookup(context, name));
  if (addresses === undefined) throw new RhumbError('timeout', `lookup ${name}: no answer within 5s`);
  const isWanted = (ip: string): boolean => wanted === 'ip' || ip.includes(':') === (wanted === 'ip6');
  const shown = addresses.filter(isWanted);
  if (shown.length === 0) throw new RhumbError('not-found', `lookup ${name}: no such host`);
  for (const ip of shown) context.out(`${ip}\n`);
  return 0;
};

const lookup = (context: Context, name: string): Promise<readonly string[]> =>
  context.lookup(name).catch((error: unknown) => {
    throw new RhumbError('not-found', `lookup ${name}: no such host`, { cause: error });
  });

/** `rhumb debug hostinfo`: what can be known without the daemon, then what the daemon says of itself. */
export const debugHostinfo: Action = async ({ api, out, signal, platform }) => {
  const { Self } = await api.status({ peers: false }, signal);
  const json = {
    IPNVersion: VERSION,
    OS: Self.OS || platform,
    OSVersion: release(),
    Kernel: type(),
    Hostname: Self.HostName || hostname(),
    GoArch: process.arch,
    NodeVersion: process.version,
  };
  out(`${goJson(json, '  ')}\n`);
  return 0;
};

/** `rhumb debug test-risk`. */
export const testRisk: Action = async (context, { flags }) => {
  await confirmRisk(context, 'test-risk', flags.text('accept-risk'), 'This is a test risky action.');
  context.out('did-test-risky-action\n');
  return 0;
};
