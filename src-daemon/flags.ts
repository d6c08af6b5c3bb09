/** rhumbd's command line: flags as the official daemon names them (localapi-and-daemon.md §4.11, design.md §1). */
import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_SOCKET } from '#shared/localapi/socket.ts';
import { readFlags } from '#shared/node/read-flags.ts';

export const DEFAULT_STATE_DIR = '/var/lib/rhumb';
const STATE_FILE = 'rhumbd.state';
const DEFAULT_TUN = 'rhumb0';
const DEFAULT_PORT = 41_641;
/** IFNAMSIZ without its final zero. */
const MAX_TUN_NAME = 15;

export interface DaemonOptions {
  /** Undefined = no device: the daemon talks to the server and to peers, the machine's programs don't. */
  readonly tun: string | undefined;
  /** Undefined = kept in memory only. */
  readonly statePath: string | undefined;
  /** Where files beside the state go. */
  readonly stateDir: string;
  readonly socket: string;
  readonly port: number;
  readonly verbose: number;
  /** Guess ports where a NAT gives each destination another one (nat-traversal.md §11.4). */
  readonly portPrediction: boolean;
  /** Probe which packet sizes a path carries (nat-traversal.md §4.5). */
  readonly pathMtuDiscovery: boolean;
}

export type Flags =
  | { readonly kind: 'run' | 'cleanup'; readonly options: DaemonOptions }
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly text: string }
  /** One line for the user. */
  | { readonly kind: 'error'; readonly text: string };

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,5}$/.test(text) || Number(text) > max)
      throw new InvalidArgumentError(`must be a number from 0 to ${max}.`);
    return Number(text);
  };
}

function tunName(text: string): string {
  const isName =
    /^[A-Za-z0-9_.-]+$/.test(text) && text.length <= MAX_TUN_NAME && text !== '.' && text !== '..';
  if (!isName && text !== 'userspace-networking')
    throw new InvalidArgumentError(
      `must be an interface name of at most ${MAX_TUN_NAME} letters, digits, - _ or .`,
    );
  return text;
}

function command(env: Readonly<Record<string, string | undefined>>): Command {
  const port = /^\d{1,5}$/.test(env['PORT'] ?? '') ? Number(env['PORT']) : DEFAULT_PORT;
  return new Command('rhumbd')
    .description('The daemon of the Rhumb network: keeps the tunnels and serves the local API for rhumb.')
    .option('--tun <name>', 'tunnel interface; none = no interface', tunName, DEFAULT_TUN)
    .option('--state <path>', `state file (default: ${STATE_FILE} in --statedir); mem: = keep nothing`)
    .option('--statedir <dir>', `folder for state (default: ${DEFAULT_STATE_DIR})`)
    .option('--socket <path>', 'socket of the local API', DEFAULT_SOCKET)
    .option('--port <n>', 'UDP port for WireGuard; 0 picks one', wholeNumber(65_535), port)
    .option('--socks5-server <addr>', 'not available yet')
    .option('--verbose <n>', 'log more; 1 and above logs details', wholeNumber(9), 0)
    .option('--no-port-prediction', 'where a NAT gives each destination another port, stay on the relay')
    .option('--path-mtu-discovery', 'probe which packet sizes the paths to peers carry')
    .option('--cleanup', 'remove what a crashed daemon left behind, and exit')
    .option('--version', 'print the version and exit')
    .helpOption('--help', 'print this and exit')
    .allowExcessArguments(false);
}

interface Parsed {
  readonly tun: string;
  readonly state?: string;
  readonly statedir?: string;
  readonly socket: string;
  readonly port: number;
  readonly socks5Server?: string;
  readonly verbose: number;
  readonly portPrediction: boolean;
  readonly pathMtuDiscovery?: true;
  readonly cleanup?: true;
  readonly version?: true;
}

export function parseFlags(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Flags {
  const read = readFlags<Parsed>(command(env), args);
  if (read.kind !== 'read') return read;
  const parsed = read.flags;
  if (parsed.version === true) return { kind: 'version' };
  if (parsed.socks5Server !== undefined)
    return { kind: 'error', text: 'rhumbd: --socks5-server is not available yet: leave it out' };
  if (parsed.tun === 'userspace-networking')
    return {
      kind: 'error',
      text: 'rhumbd: userspace networking is not available yet: give an interface name with --tun',
    };
  return { kind: parsed.cleanup === true ? 'cleanup' : 'run', options: optionsOf(parsed) };
}

function optionsOf(parsed: Parsed): DaemonOptions {
  const inMemory = parsed.state === 'mem:';
  const chosen = inMemory ? undefined : parsed.state;
  const stateDir = parsed.statedir ?? (chosen === undefined ? DEFAULT_STATE_DIR : folderOf(chosen));
  return {
    tun: parsed.tun === 'none' ? undefined : parsed.tun,
    statePath: inMemory ? undefined : (chosen ?? `${stateDir.replace(/\/+$/, '')}/${STATE_FILE}`),
    stateDir,
    socket: parsed.socket,
    port: parsed.port,
    verbose: parsed.verbose,
    portPrediction: parsed.portPrediction,
    pathMtuDiscovery: parsed.pathMtuDiscovery === true,
  };
}

const folderOf = (path: string): string => {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
};
