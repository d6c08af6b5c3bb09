/** From the answers of a daemon to what people see; pure. */
import type { HealthState } from '../localapi/notify.ts';
import type { Prefs } from '../localapi/prefs.ts';
import { State, type StateName, type Status } from '../localapi/status.ts';
import type { LoginProfile } from '../localapi/user.ts';
import type {
  Account,
  DaemonFeature,
  Device,
  Link,
  Settings,
  Snapshot,
  User,
  Warning,
} from '../ui-state/types.ts';
import { deviceOf } from './device.ts';

/** What was asked of the daemon; what was not answered yet is undefined. */
export interface Answers {
  readonly link: Link;
  readonly version: string;
  readonly isRhumb: boolean;
  readonly platform: string;
  readonly status: Status | undefined;
  /** Newer than the status, from the bus. */
  readonly state: StateName | undefined;
  readonly prefs: Prefs | undefined;
  readonly health: HealthState | undefined;
  readonly profiles: readonly LoginProfile[];
  readonly currentProfile: string;
  readonly suggested: string;
  readonly loginError: string | undefined;
}

/** The same device object as before where nothing about it changed, so that lists render only what did. */
export function assemble(answers: Answers): Snapshot {
  const { status, prefs, link } = answers;
  const network = status?.CurrentTailnet;
  const suffix = network?.MagicDNSSuffix ?? '';
  const ownUser = status === undefined ? '' : String(status.Self.UserID);
  const devices: Record<string, Device> = {};
  for (const peer of Object.values(status?.Peer ?? {}))
    if (peer.ID !== '' && !peer.ShareeNode) devices[peer.ID] = deviceOf(peer, ownUser, suffix);
  return {
    link,
    daemon: {
      version: answers.version,
      hasTun: status?.TUN === true,
      features: featuresOf(answers),
      platform: answers.platform,
    },
    state: answers.state ?? knownState(status?.BackendState),
    authUrl: status?.AuthURL ?? '',
    self: status === undefined || status.Self.ID === '' ? undefined : deviceOf(status.Self, ownUser, suffix),
    devices,
    users: usersOf(status),
    network:
      network === undefined
        ? undefined
        : { name: network.Name, suffix, hasMagicDns: network.MagicDNSEnabled },
    settings: prefs === undefined ? undefined : settingsOf(prefs),
    accounts: answers.profiles.map((profile) => accountOf(profile, answers.currentProfile)),
    warnings: warningsOf(answers.health),
    suggestedExitNodeId: answers.suggested,
    newVersion:
      status?.ClientVersion === undefined ||
      status.ClientVersion.RunningLatest ||
      status.ClientVersion.LatestVersion === ''
        ? undefined
        : {
            version: status.ClientVersion.LatestVersion,
            isUrgent: status.ClientVersion.UrgentSecurityUpdate,
          },
    loginError: answers.loginError,
  };
}

const knownState = (name: string | undefined): StateName =>
  name !== undefined && Object.hasOwn(State, name) ? (name as StateName) : 'NoState';

/** Of a stock daemon: what its local API has; the rest only ours can. */
const featuresOf = ({ isRhumb }: Answers): DaemonFeature[] =>
  isRhumb ? ['explain-path', 'logs', 'kill-switch'] : [];

function usersOf(status: Status | undefined): Record<string, User> {
  return Object.fromEntries(
    Object.entries(status?.User ?? {}).map(([id, user]) => [
      id,
      { id, loginName: user.LoginName, displayName: user.DisplayName },
    ]),
  );
}

function accountOf(profile: LoginProfile, current: string): Account {
  const { DisplayName, DomainName } = profile.NetworkProfile;
  return {
    id: profile.ID,
    name: profile.Name || profile.UserProfile.LoginName,
    loginName: profile.UserProfile.LoginName,
    network: DisplayName || DomainName,
    server: profile.ControlURL,
    isCurrent: profile.ID === current,
  };
}

function warningsOf(health: HealthState | undefined): Warning[] {
  return Object.entries(health?.Warnings ?? {}).map(([code, one]) => ({
    code,
    severity: one.Severity,
    title: one.Title,
    text: one.Text,
    brokenSinceMs: one.BrokenSince,
    impactsConnectivity: one.ImpactsConnectivity,
    dependsOn: [...(one.DependsOn ?? [])],
    action: one.PrimaryAction?.Label,
    etag: one.ETag,
  }));
}

export const settingsOf = (prefs: Prefs): Settings => ({
  server: prefs.ControlURL,
  wantRunning: prefs.WantRunning,
  loggedOut: prefs.LoggedOut,
  hostname: prefs.Hostname,
  acceptRoutes: prefs.RouteAll,
  acceptDns: prefs.CorpDNS,
  shieldsUp: prefs.ShieldsUp,
  runSsh: prefs.RunSSH,
  runWebClient: prefs.RunWebClient,
  postureChecking: prefs.PostureChecking,
  exitNodeId: prefs.ExitNodeID,
  exitNodeIp: prefs.ExitNodeIP,
  autoExitNode: prefs.AutoExitNode,
  lastExitNodeId: prefs.InternalExitNodePrior,
  allowLan: prefs.ExitNodeAllowLANAccess,
  advertiseRoutes: [...(prefs.AdvertiseRoutes ?? [])],
  noSnat: prefs.NoSNAT,
  netfilterMode: prefs.NetfilterMode,
  operator: prefs.OperatorUser,
  nickname: prefs.ProfileName,
  autoUpdateCheck: prefs.AutoUpdate.Check,
  autoUpdateApply: prefs.AutoUpdate.Apply,
  unattended: prefs.ForceDaemon,
});
