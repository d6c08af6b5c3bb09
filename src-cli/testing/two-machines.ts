/** A network of two machines behind a daemon that keeps the contract, and one command line run against it. */
import { nodeKeyFrom } from '#shared/key/key.ts';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { NO_PEER, NO_STATUS, type PeerStatus, type Status } from '#shared/localapi/status.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import type { World } from '../program.ts';
import { type Behaviour, FakeDaemon } from './fake-daemon.ts';
import { type Outcome, runCli } from './run-cli.ts';

export const SERVER = 'https://control.example.com';
const KEYS = [1, 2].map((byte) => nodeKeyFrom(new Uint8Array(32).fill(byte)));
export const [SELF_KEY, PEER_KEY] = KEYS;

export const self: PeerStatus = {
  ...NO_PEER,
  ID: 'n1',
  PublicKey: SELF_KEY,
  DNSName: 'here.net.example.',
  HostName: 'here',
  OS: 'linux',
  UserID: 9007199254740993n,
  TailscaleIPs: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
  Online: true,
};
export const peer: PeerStatus = {
  ...self,
  ID: 'n2',
  PublicKey: PEER_KEY,
  DNSName: 'there.net.example.',
  HostName: 'there',
  TailscaleIPs: ['100.64.0.2', 'fd7a:115c:a1e0::2'],
};
export const running: Status = {
  ...NO_STATUS,
  BackendState: 'Running',
  HaveNodeKey: true,
  TailscaleIPs: self.TailscaleIPs,
  MagicDNSSuffix: 'net.example',
  Self: self,
  Peer: { [String(PEER_KEY)]: peer },
  User: { '9007199254740993': { ...NO_USER, ID: 9007199254740993n, LoginName: 'alice@example.com' } },
};
export const loggedIn: Prefs = {
  ...newPrefs(),
  ControlURL: SERVER,
  WantRunning: true,
  Config: { UserProfile: { ...NO_USER, LoginName: 'alice@example.com' }, NodeID: 'n1' },
};

export interface Setting {
  readonly behaviour?: Behaviour;
  readonly status?: Status;
  readonly prefs?: Prefs;
  readonly world?: Partial<World>;
}

export async function withDaemon(
  argv: readonly string[],
  setting: Setting = {},
): Promise<Outcome & { readonly daemon: FakeDaemon }> {
  await using daemon = await FakeDaemon.listen(setting.behaviour);
  if (setting.status !== undefined) daemon.status = setting.status;
  if (setting.prefs !== undefined) daemon.prefs = setting.prefs;
  const outcome = await runCli(['--socket', daemon.socketPath, ...argv], setting.world);
  return { ...outcome, daemon };
}
