/** Debian's wireguard-go in a host of the lab, configured by `wg`: somebody else's WireGuard to talk to. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exec } from './exec.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { until } from './wait.ts';

export interface WireGuardKeys {
  /** Base64, as `wg` prints them. */
  readonly privateKey: string;
  readonly publicKey: string;
}

export interface WireGuardPeer {
  readonly publicKey: string;
  readonly presharedKey?: string;
  /** `address:port`; without it the peer must speak first. */
  readonly endpoint?: string;
  readonly allowedIps: readonly string[];
  readonly keepaliveSeconds?: number;
}

export interface WireGuardOptions {
  readonly keys: WireGuardKeys;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly peers: readonly WireGuardPeer[];
  readonly mtu?: number;
  /** Of our engine: congestion marks pass through the tunnel. */
  readonly ecn?: boolean;
}

export interface WireGuardGoOptions extends WireGuardOptions {
  /** The program and words before those that others take as well; wireguard-go on the path, unless told. */
  readonly program?: readonly string[];
  readonly logLevel?: 'verbose' | 'error';
}

export interface WireGuardState {
  readonly endpoint: string;
  /** Seconds since 1970, 0 for never. */
  readonly latestHandshake: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

const DEVICE = 'wg0';

export async function makeKeys(): Promise<WireGuardKeys> {
  const privateKey = (await exec(['wg', 'genkey'])).stdout.trim();
  const publicKey = (await exec(['wg', 'pubkey'], { input: `${privateKey}\n` })).stdout.trim();
  return { privateKey, publicKey };
}

export async function makePresharedKey(): Promise<string> {
  return (await exec(['wg', 'genpsk'])).stdout.trim();
}

export interface WireGuard {
  readonly process: LabProcess;
  /** What `wg` knows of a peer. */
  state(publicKey: string): Promise<WireGuardState>;
  /** Replaces the peers. */
  setPeers(peers: readonly WireGuardPeer[]): Promise<void>;
}

/** Starts wireguard-go; the host's private /run keeps its control socket from those of other hosts. */
export async function startWireGuardGo(host: Host, options: WireGuardGoOptions): Promise<WireGuard> {
  const { program = ['wireguard-go'], logLevel = 'verbose' } = options;
  const env = { LOG_LEVEL: logLevel, WG_PROCESS_FOREGROUND: '1' };
  const name = basename(program[0] ?? '');
  const child = host.spawn({ name, argv: [...program, '--foreground', DEVICE], env });
  await until(`${name} to listen for wg`, async () => {
    if (!child.running) await child.says(/UAPI listener started/);
    return (await host.exec(['wg', 'show', DEVICE], { mayFail: true })).code === 0;
  });
  const setPeers = async (peers: readonly WireGuardPeer[]): Promise<void> => {
    const file = join(host.folder, 'run', 'wg0.conf');
    writeFileSync(file, configText(options, peers), { mode: 0o600 });
    await host.exec(['wg', 'setconf', DEVICE, '/run/wg0.conf']);
  };
  await setPeers(options.peers);
  await host.ip(
    ...options.addresses.map((address) => `address add ${address} dev ${DEVICE}`),
    `link set ${DEVICE} mtu ${options.mtu ?? 1420} up`,
    ...options.peers.flatMap(({ allowedIps }) =>
      allowedIps.map((prefix) => `route replace ${prefix} dev ${DEVICE}`),
    ),
  );
  return {
    process: child,
    setPeers,
    state: async (publicKey) => {
      const { stdout } = await host.exec(['wg', 'show', DEVICE, 'dump']);
      const fields =
        stdout
          .split('\n')
          .map((line) => line.split('\t'))
          .find(([key]) => key === publicKey) ?? [];
      const [, , endpoint = '', , latestHandshake, rxBytes, txBytes] = fields;
      return {
        endpoint,
        latestHandshake: Number(latestHandshake),
        rxBytes: Number(rxBytes),
        txBytes: Number(txBytes),
      };
    },
  };
}

function configText(options: WireGuardOptions, peers: readonly WireGuardPeer[]): string {
  const device = ['[Interface]', `PrivateKey = ${options.keys.privateKey}`, `ListenPort = ${options.port}`];
  const sections = peers.flatMap((peer) => [
    '[Peer]',
    `PublicKey = ${peer.publicKey}`,
    `AllowedIPs = ${peer.allowedIps.join(', ')}`,
    ...(peer.presharedKey === undefined ? [] : [`PresharedKey = ${peer.presharedKey}`]),
    ...(peer.endpoint === undefined ? [] : [`Endpoint = ${peer.endpoint}`]),
    ...(peer.keepaliveSeconds === undefined ? [] : [`PersistentKeepalive = ${peer.keepaliveSeconds}`]),
  ]);
  return `${[...device, ...sections].join('\n')}\n`;
}
