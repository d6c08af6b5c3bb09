/** rhumb-relay's command line: flags as the official relay names them (nat-traversal.md §1.14, design.md §1). */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Level } from '#shared/log/log.ts';
import { readFlags } from '#shared/node/read-flags.ts';
import { isHostName } from './front/certificates.ts';
import type { Home } from './front/pages.ts';

export type CertMode = 'manual' | 'self' | 'letsencrypt';

export interface RelayOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Undefined = plain HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly hostName: string | undefined;
  /** Undefined = no plain listener. */
  readonly httpPort: number | undefined;
  /** Empty = no STUN. */
  readonly stunPorts: readonly number[];
  readonly answersGenericStun: boolean;
  readonly servesDerp: boolean;
  /** Undefined = a key that is forgotten at the end. */
  readonly keyFile: string | undefined;
  readonly verifyBySocket: string | undefined;
  readonly verifyUrl: URL | undefined;
  readonly isVerifyFailOpen: boolean;
  readonly meshWith: readonly MeshTarget[];
  readonly meshKeyFile: string | undefined;
  readonly acceptPerSecond: number | undefined;
  readonly acceptBurst: number;
  readonly rateConfigFile: string | undefined;
  readonly bootstrapNames: readonly string[];
  readonly unpublishedNames: readonly string[];
  readonly home: Home;
  readonly logLevel: Level;
}

export interface TlsOptions {
  readonly mode: CertMode;
  readonly folder: string;
  readonly host: string;
  readonly acme: {
    readonly directoryUrl: string;
    readonly email: string | undefined;
    readonly challenge: 'http-01' | 'tls-alpn-01';
  };
}

/** A relay of the same region: its name, and where to dial when that is somewhere else. */
export interface MeshTarget {
  readonly host: string;
  readonly port: number;
  readonly dialHost: string;
}

export type Flags =
  | { readonly kind: 'run'; readonly options: RelayOptions }
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly text: string }
  /** One line for the user. */
  | { readonly kind: 'error'; readonly text: string };

const STATE_DIR = '/var/lib/rhumb-relay';
const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const DEV_PORT = 3_340;
const HTTPS_PORT = 443;
const OFF = -1;

const bool = (text: string): boolean => {
  if (/^(?:true|1|t|on|yes)$/i.test(text)) return true;
  if (/^(?:false|0|f|off|no)$/i.test(text)) return false;
  throw new InvalidArgumentError('must be true or false.');
};

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('must be a port from 0 to 65535.');
  return Number(text);
}

const ports = (text: string): readonly number[] => text.split(',').map((one) => port(one.trim()));

// Not undefined: commander would make an empty text of it.
const portOrOff = (text: string): number => (text === '-1' ? OFF : port(text));

function positive(text: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0.');
  return value;
}

const names = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      if (!isHostName(one)) throw new InvalidArgumentError(`"${one}" is not a host name.`);
      return one;
    });

function hostName(text: string): string {
  if (!isHostName(text)) throw new InvalidArgumentError('must be a host name or an IP address.');
  return text.toLowerCase();
}

function listenAddress(text: string): RelayOptions['listen'] {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (match === null || Number(match[3]) > 65_535 || (host !== '' && isIP(host) === 0))
    throw new InvalidArgumentError('write :443, 192.0.2.1:443 or [2001:db8::1]:443.');
  return { host: host === '' ? '::' : host, port: Number(match[3]) };
}

function url(text: string): URL {
  const parsed = URL.parse(text);
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new InvalidArgumentError('must be an http or https URL.');
  return parsed;
}

function home(text: string): Home {
  if (text === '') return { kind: 'page' };
  if (text === 'blank') return { kind: 'blank' };
  return { kind: 'redirect', to: url(text).href };
}

/** `host[:port][/dial-host]`, separated by commas. */
const mesh = (text: string): readonly MeshTarget[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      const [name = '', dial, ...rest] = one.split('/');
      const match = /^([^:]+)(?::(\d{1,5}))?$/.exec(name);
      const host = match?.[1] ?? '';
      if (match === null || rest.length > 0 || !isHostName(host) || !isHostName(dial ?? host))
        throw new InvalidArgumentError(`"${one}" is not host, host:port or host/dial-host.`);
      return { host, port: match[2] === undefined ? HTTPS_PORT : port(match[2]), dialHost: dial ?? host };
    });

function choice<T extends string>(...values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`use ${values.join(', ')}.`);
    return found;
  };
}

function command(): Command {
  return new Command('rhumb-relay')
    .description('DERP relay and STUN server of a Rhumb network.')
    .option(
      '-a, --addr <address>',
      'address to serve on; HTTPS on port 443 or with --certmode',
      listenAddress,
    )
    .option('--hostname <name>', 'name or IP address under which clients reach this relay', hostName)
    .option('--certmode <mode>', 'manual, self or letsencrypt', choice('manual', 'self', 'letsencrypt'))
    .option('--certdir <dir>', `folder of the certificates (default: ${STATE_DIR}/certs)`)
    .option('--acme-email <address>', 'contact that the certificate authority gets')
    .option('--acme-directory <url>', 'the certificate authority', url)
    .option('--acme-challenge <kind>', 'http-01 or tls-alpn-01', choice('http-01', 'tls-alpn-01'))
    .option('-c, --config <file>', `key file, made if missing (default: ${STATE_DIR}/relay.key)`)
    .option('--http-port <port>', 'port for plain HTTP; -1 = none', portOrOff, 80)
    .option('--stun-port <ports>', 'UDP port for STUN, or several with commas', ports, [3_478])
    .option('--stun [bool]', 'serve STUN', bool, true)
    .option('--stun-generic [bool]', 'answer plain STUN clients too, within narrow bounds', bool, true)
    .option('--derp [bool]', 'relay packets', bool, true)
    .option('--verify-clients [bool]', 'let in only whom the daemon on this machine knows', bool, false)
    .option('--socket <path>', 'socket of that daemon')
    .option('--verify-client-url <url>', 'ask this address who may come in', url)
    .option('--verify-client-url-fail-open [bool]', 'let all in while it is out of reach', bool, true)
    .option('--mesh-with <hosts>', 'other relays of this region, separated by commas', mesh, [])
    .option('--mesh-psk-file <file>', 'their common secret: 64 hex digits')
    .option('--accept-connection-limit <n>', 'new connections per second', positive)
    .option('--accept-connection-burst <n>', 'new connections at once', positive)
    .option('--rate-config <file>', 'JSON file with limits per client; read again on SIGHUP')
    .option('--bootstrap-dns-names <names>', 'names to answer at /bootstrap-dns', names, [])
    .option('--unpublished-bootstrap-dns-names <names>', 'the same, only for who asks by name', names, [])
    .option('--home <what>', 'blank, or a URL to redirect to', home)
    .option('--log-level <level>', 'debug, info, warn or error', choice('debug', 'info', 'warn', 'error'))
    .option('--dev', `plain HTTP on port ${DEV_PORT}, nothing kept`)
    .option('--version', 'print the version and exit')
    .helpOption('--help', 'print this and exit')
    .allowExcessArguments(false);
}

interface Parsed {
  readonly addr?: RelayOptions['listen'];
  readonly hostname?: string;
  readonly certmode?: CertMode;
  readonly certdir?: string;
  readonly acmeEmail?: string;
  readonly acmeDirectory?: URL;
  readonly acmeChallenge?: 'http-01' | 'tls-alpn-01';
  readonly config?: string;
  readonly httpPort?: number;
  readonly stunPort: readonly number[];
  readonly stun: boolean;
  readonly stunGeneric: boolean;
  readonly derp: boolean;
  readonly verifyClients: boolean;
  readonly socket?: string;
  readonly verifyClientUrl?: URL;
  readonly verifyClientUrlFailOpen: boolean;
  readonly meshWith: readonly MeshTarget[];
  readonly meshPskFile?: string;
  readonly acceptConnectionLimit?: number;
  readonly acceptConnectionBurst?: number;
  readonly rateConfig?: string;
  readonly bootstrapDnsNames: readonly string[];
  readonly unpublishedBootstrapDnsNames: readonly string[];
  readonly home?: Home;
  readonly logLevel?: Level;
  readonly dev?: true;
  readonly version?: true;
}

export function parseFlags(args: readonly string[], defaults: { readonly socket: string }): Flags {
  const read = readFlags<Parsed>(command(), args);
  if (read.kind !== 'read') return read;
  const parsed = read.flags;
  if (parsed.version === true) return { kind: 'version' };
  const wrong = problemIn(parsed);
  if (wrong !== undefined) return { kind: 'error', text: `rhumb-relay: ${wrong}` };
  return { kind: 'run', options: optionsOf(parsed, defaults.socket) };
}

function problemIn(parsed: Parsed): string | undefined {
  if (parsed.dev === true) return undefined;
  if (servesTls(parsed) && parsed.hostname === undefined)
    return 'give --hostname, the name or IP address under which clients reach this relay (or --dev to try it out)';
  if (modeOf(parsed) === 'letsencrypt' && isIP(parsed.hostname ?? '') !== 0)
    return 'an authority gives no certificate for an IP address: use --certmode self, or a name';
  if (parsed.meshWith.length > 0 && parsed.meshPskFile === undefined)
    return '--mesh-with needs --mesh-psk-file, the secret that the relays share';
  if (!parsed.derp && !parsed.stun) return '--derp=false and --stun=false leave nothing to do';
  return undefined;
}

const listenOf = (parsed: Parsed): RelayOptions['listen'] =>
  parsed.dev === true ? { host: '::', port: DEV_PORT } : (parsed.addr ?? { host: '::', port: HTTPS_PORT });

const servesTls = (parsed: Parsed): boolean =>
  parsed.dev !== true && (listenOf(parsed).port === HTTPS_PORT || parsed.certmode !== undefined);

const modeOf = (parsed: Parsed): CertMode | undefined =>
  servesTls(parsed) ? (parsed.certmode ?? 'letsencrypt') : undefined;

function optionsOf(parsed: Parsed, defaultSocket: string): RelayOptions {
  const mode = modeOf(parsed);
  return {
    listen: listenOf(parsed),
    tls: mode === undefined ? undefined : tlsOf(parsed, mode),
    hostName: parsed.hostname,
    httpPort: mode === undefined || parsed.httpPort === OFF ? undefined : parsed.httpPort,
    stunPorts: parsed.stun ? parsed.stunPort : [],
    answersGenericStun: parsed.stunGeneric,
    servesDerp: parsed.derp,
    keyFile: parsed.dev === true ? undefined : (parsed.config ?? join(STATE_DIR, 'relay.key')),
    verifyBySocket: parsed.verifyClients ? (parsed.socket ?? defaultSocket) : undefined,
    verifyUrl: parsed.verifyClientUrl,
    isVerifyFailOpen: parsed.verifyClientUrlFailOpen,
    meshWith: parsed.meshWith,
    meshKeyFile: parsed.meshPskFile,
    acceptPerSecond: parsed.acceptConnectionLimit,
    acceptBurst: parsed.acceptConnectionBurst ?? Math.max(1, parsed.acceptConnectionLimit ?? 1),
    rateConfigFile: parsed.rateConfig,
    bootstrapNames: parsed.bootstrapDnsNames,
    unpublishedNames: parsed.unpublishedBootstrapDnsNames,
    home: parsed.home ?? { kind: 'page' },
    logLevel: parsed.logLevel ?? 'info',
  };
}

function tlsOf(parsed: Parsed, mode: CertMode): TlsOptions {
  const challenge = parsed.acmeChallenge ?? (parsed.httpPort === OFF ? 'tls-alpn-01' : 'http-01');
  return {
    mode,
    folder: parsed.certdir ?? join(STATE_DIR, 'certs'),
    host: parsed.hostname ?? '',
    acme: {
      directoryUrl: parsed.acmeDirectory?.href ?? LETS_ENCRYPT,
      email: parsed.acmeEmail,
      challenge,
    },
  };
}
