/** From the answers of a daemon to what people see; pure. */
import type { HealthState } from '../localapi/notify.ts';
import type { Prefs } from '../localapi/prefs.ts';
import type { RhumbFacts } from '../localapi/rhumb.ts';
import { type PeerStatus, State, type StateName, type Status } from '../localapi/status.ts';
import type { LoginProfile } from '../localapi/user.ts';
import { isSame } from '../ui-state/patch.ts';
import type {
  Account,
  DaemonFeature,
  Device,
  Link,
  Policy,
  Settings,
  Snapshot,
  User,
  Warning,
} from '../ui-state/types.ts';
import type { DerpMap } from '../wire/map.ts';
import { cutList, cutName, cutText, WORDS_MAX } from './cut.ts';
import { deviceOf } from './device.ts';
import { relaysOf } from './relays.ts';

/** What was asked of the daemon; what was not answered yet is undefined. */
export interface Answers {
  readonly link: Link;
  readonly version: string;
  readonly isRhumb: boolean;
  readonly platform: string;
  readonly status: Status | undefined;
  /** Newer than the status, from the bus. */
  readonly state: StateName | undefined;
  /** When it was seen to become `Running`, wall clock ms; for daemons that don't say it. */
  readonly sawRunningMs: number | undefined;
  /** Only from a rhumbd. */
  readonly facts: RhumbFacts | undefined;
  readonly policy: Policy;
  /** Where there are no facts. */
  readonly derpMap: DerpMap | undefined;
  /** Milliseconds to relay regions by their id, as this program measured them lately. */
  readonly measured: ReadonlyMap<number, number>;
  readonly prefs: Prefs | undefined;
  readonly health: HealthState | undefined;
  readonly profiles: readonly LoginProfile[];
  readonly currentProfile: string;
  readonly suggested: string;
  readonly loginError: string | undefined;
}

/** What was made last, and of what: what hasn't changed since is taken over as it is, so that lists render only what did. */
export interface Assembled {
  readonly answers: Answers;
  readonly snapshot: Snapshot;
}

export function assemble(answers: Answers, before?: Assembled): Snapshot {
  const { status, prefs, link, facts } = answers;
  const state = answers.state ?? knownState(status?.BackendState);
  const ofThis =
    before !== undefined && before.answers.status === status
      ? ofStatusAgain(before.snapshot)
      : ofStatus(status, before?.snapshot);
  return {
    link,
    daemon: {
      version: answers.version,
      hasTun: status?.TUN === true,
      features: featuresOf(answers),
      platform: answers.platform,
      hostName: status?.Self.HostName ?? '',
    },
    state,
    connectedSinceMs: state === 'Running' ? (facts?.RunningSince ?? answers.sawRunningMs) : undefined,
    authUrl: status?.AuthURL ?? '',
    ...ofThis,
    self: withKeyOf(ofThis.self, facts),
    settings: prefs === undefined ? undefined : settingsOf(prefs),
    policy: answers.policy,
    relays: relaysOf(answers),
    accounts: answers.profiles.map((profile) => accountOf(profile, answers.currentProfile)),
    warnings: warningsOf(answers.health),
    suggestedExitNodeId: answers.suggested,
    newVersion: newVersionOf(status),
    loginError: answers.loginError === undefined ? undefined : cutText(answers.loginError, WORDS_MAX),
  };
}

type OfStatus = Pick<Snapshot, 'self' | 'devices' | 'users' | 'network'>;

const ofStatusAgain = ({ self, devices, users, network }: Snapshot): OfStatus => ({
  self,
  devices,
  users,
  network,
});

function ofStatus(status: Status | undefined, before: Snapshot | undefined): OfStatus {
  if (status === undefined) return { self: undefined, devices: {}, users: {}, network: undefined };
  const { Self, CurrentTailnet: network } = status;
  const suffix = cutName(network?.MagicDNSSuffix ?? '');
  const ownUser = String(Self.UserID);
  const known = before?.devices ?? {};
  const device = (peer: PeerStatus, old: Device | undefined): Device => {
    const made = deviceOf(peer, ownUser, suffix);
    return old !== undefined && isSame(old, made) ? old : made;
  };
  const peers = Object.values(status.Peer ?? {}).filter(({ ID, ShareeNode }) => ID !== '' && !ShareeNode);
  return {
    self: Self.ID === '' ? undefined : device(Self, before?.self),
    // By entries: an id such as `__proto__` is a name like any other.
    devices: Object.fromEntries(
      peers.map((peer) => [
        peer.ID,
        device(peer, Object.hasOwn(known, peer.ID) ? known[peer.ID] : undefined),
      ]),
    ),
    users: usersOf(status),
    network:
      network === undefined
        ? undefined
        : { name: cutName(network.Name), suffix, hasMagicDns: network.MagicDNSEnabled },
  };
}

/** Of its own key alone a daemon knows when it was made. */
function withKeyOf(self: Device | undefined, facts: RhumbFacts | undefined): Device | undefined {
  const keyCreatedMs = facts?.KeyCreated;
  return self === undefined || self.keyCreatedMs === keyCreatedMs ? self : { ...self, keyCreatedMs };
}

function newVersionOf(status: Status | undefined): Snapshot['newVersion'] {
  const news = status?.ClientVersion;
  return news === undefined || news.RunningLatest || news.LatestVersion === ''
    ? undefined
    : { version: news.LatestVersion, isUrgent: news.UrgentSecurityUpdate };
}

export const knownState = (name: string | undefined): StateName =>
  name !== undefined && Object.hasOwn(State, name) ? (name as StateName) : 'NoState';

/** Of a stock daemon: what its local API has; the rest only ours can. */
const featuresOf = ({ isRhumb }: Answers): DaemonFeature[] =>
  isRhumb
    ? ['traffic-history', 'explain-path', 'logs', 'kill-switch', 'web-client']
    : ['logs', 'ssh', 'web-client', 'posture-checks', 'auto-update'];

function usersOf(status: Status): Record<string, User> {
  return Object.fromEntries(
    Object.entries(status.User ?? {}).map(([id, user]) => [
      id,
      { id, loginName: cutName(user.LoginName), displayName: cutName(user.DisplayName) },
    ]),
  );
}

function accountOf(profile: LoginProfile, current: string): Account {
  const { DisplayName, DomainName } = profile.NetworkProfile;
  return {
    id: profile.ID,
    name: cutName(profile.Name || profile.UserProfile.LoginName),
    loginName: cutName(profile.UserProfile.LoginName),
    network: cutName(DisplayName || DomainName),
    server: profile.ControlURL,
    isCurrent: profile.ID === current,
  };
}

function warningsOf(health: HealthState | undefined): Warning[] {
  return Object.entries(health?.Warnings ?? {}).map(([code, one]) => ({
    code,
    severity: one.Severity,
    title: cutName(one.Title),
    text: cutText(one.Text, WORDS_MAX),
    brokenSinceMs: one.BrokenSince,
    impactsConnectivity: one.ImpactsConnectivity,
    dependsOn: cutList(one.DependsOn),
    action: one.PrimaryAction === undefined ? undefined : cutName(one.PrimaryAction.Label),
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
