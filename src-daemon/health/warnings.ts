/** The warnings that can occur now: codes of localapi-and-daemon.md §2.9, our words. */

export type Severity = 'high' | 'medium' | 'low';
export type WarningArgs = Readonly<Record<string, string>>;

export interface Warning {
  readonly severity: Severity;
  readonly title: string;
  readonly text: (args: WarningArgs) => string;
  /** Hidden while one of these is set: its cause is then already shown. */
  readonly dependsOn: readonly WarningCode[];
  readonly impactsConnectivity: boolean;
  /** How long the trouble must last before anyone is told. */
  readonly visibleAfterMs: number;
}

export type WarningCode =
  | 'network-status'
  | 'wantrunning-false'
  | 'login-state'
  | 'not-in-map-poll'
  | 'no-udp4-bind'
  | 'no-derp-home'
  | 'no-derp-connection'
  | 'captive-portal-detected'
  | 'tls-connection-failed'
  | 'warming-up'
  | 'state-store-health'
  | 'router-failed'
  | 'firewall-failed'
  | 'docker-stateful-filtering'
  | 'ip-forwarding-off'
  | 'exit-node-closed'
  | 'exit-node-unguarded'
  | 'nosnat-with-advertised-exit-node'
  | 'sync-disabled'
  | 'invalid-packet-filter'
  | 'tun-device'
  | 'dns-read-os-config-failed'
  | 'dns-set-os-config-failed'
  | 'dns-forward-failing'
  | 'resolv-conf-overwritten'
  | 'dns-manager';

const warning = (
  severity: Severity,
  title: string,
  text: string | ((args: WarningArgs) => string),
  more: Partial<Pick<Warning, 'dependsOn' | 'impactsConnectivity' | 'visibleAfterMs'>> = {},
): Warning => ({
  severity,
  title,
  text: typeof text === 'string' ? () => text : text,
  dependsOn: [],
  impactsConnectivity: false,
  visibleAfterMs: 0,
  ...more,
});

const because = (args: WarningArgs): string => (args['error'] ? `: ${args['error']}` : '');

export const warnings: Readonly<Record<WarningCode, Warning>> = {
  'network-status': warning(
    'medium',
    'Network down',
    'No network interface is up. Check the connection of this machine.',
    {
      impactsConnectivity: true,
      visibleAfterMs: 5_000,
    },
  ),
  'wantrunning-false': warning('low', 'Rhumb off', 'Rhumb is stopped.'),
  'login-state': warning(
    'medium',
    'Logged out',
    (args) =>
      args['error'] ? `You are logged out. The last login failed: ${args['error']}` : 'You are logged out.',
    { dependsOn: ['wantrunning-false'] },
  ),
  // Eight minutes: a server may be away that long for maintenance without anyone needing to know.
  'not-in-map-poll': warning(
    'medium',
    'Out of sync',
    (args) =>
      `The coordination server can't be reached${because(args)}. Peers stay reachable, but changes don't arrive.`,
    { dependsOn: ['network-status', 'wantrunning-false'], visibleAfterMs: 8 * 60_000 },
  ),
  'no-udp4-bind': warning(
    'medium',
    'No UDP port',
    (args) => `Rhumb can't receive UDP packets${because(args)}.`,
    {
      dependsOn: ['network-status', 'wantrunning-false'],
      impactsConnectivity: true,
    },
  ),
  'no-derp-home': warning(
    'medium',
    'No home relay',
    'No relay can be reached. Machines to which no direct path exists are out of reach. Check that the firewall here lets HTTPS out.',
    {
      dependsOn: ['network-status', 'wantrunning-false', 'captive-portal-detected'],
      impactsConnectivity: true,
      visibleAfterMs: 10_000,
    },
  ),
  'no-derp-connection': warning(
    'medium',
    'Relay out of reach',
    (args) =>
      `The connection to the relay ${args['derp-region-name'] ?? ''} is broken${because(args)}. Machines to which no direct path exists may be out of reach.`,
    {
      dependsOn: ['network-status', 'wantrunning-false', 'no-derp-home', 'captive-portal-detected'],
      impactsConnectivity: true,
      visibleAfterMs: 10_000,
    },
  ),
  'captive-portal-detected': warning(
    'medium',
    'Sign in to the network',
    'This network wants you to sign in first: open any web page in a browser and follow its instructions.',
    {
      dependsOn: ['network-status', 'wantrunning-false'],
      impactsConnectivity: true,
      visibleAfterMs: 5_000,
    },
  ),
  'tls-connection-failed': warning(
    'medium',
    'Encrypted connection failed',
    (args) => `No encrypted connection to ${args['server'] ?? 'the server'}${because(args)}.`,
    { dependsOn: ['network-status'] },
  ),
  'warming-up': warning('low', 'Rhumb is starting', 'Rhumb is starting. Please wait.'),
  'state-store-health': warning(
    'high',
    'State not saved',
    (args) => `The state of this machine can't be saved${because(args)}. Changes are lost when rhumbd ends.`,
  ),
  'router-failed': warning(
    'high',
    'Routes not set',
    (args) => `The addresses and routes of the network can't be set on this machine${because(args)}.`,
    { impactsConnectivity: true },
  ),
  'firewall-failed': warning(
    'medium',
    'Firewall not set',
    (args) => `The firewall of this machine can't be set for the network${because(args)}.`,
  ),
  'docker-stateful-filtering': warning(
    'medium',
    'Docker with stateful filtering',
    (args) => `Connections of containers may be refused${because(args)}.`,
  ),
  'ip-forwarding-off': warning(
    'medium',
    'IP forwarding off',
    (args) => `This machine announces routes, but does not forward${because(args)}`,
  ),
  'invalid-packet-filter': warning(
    'high',
    'Packet filter refused',
    "The coordination server sent a packet filter that lets in machines whose keys nobody of this network has signed. Nobody is let in until it sends another: ask the network's administrator.",
  ),
  'dns-read-os-config-failed': warning(
    'low',
    'Name servers not known',
    (args) => `The name servers of this machine can't be read${because(args)}. They were left as they are.`,
    { dependsOn: ['network-status'] },
  ),
  'dns-set-os-config-failed': warning(
    'medium',
    'Name servers not set',
    (args) =>
      `This machine can't be told to resolve the names of the network${because(args)}. It is tried again.`,
    { dependsOn: ['network-status'] },
  ),
  'resolv-conf-overwritten': warning(
    'medium',
    'resolv.conf overwritten',
    'Another program keeps overwriting /etc/resolv.conf, so names of the network may not resolve. Stop that program, or keep rhumbd away from the file: rhumb set --accept-dns=false.',
  ),
  'dns-manager': warning(
    'medium',
    'Name services not connected',
    (args) => args['error'] ?? 'The name services of this machine do not know of each other.',
  ),
  // As long as it takes for a server to be restarted.
  'dns-forward-failing': warning(
    'medium',
    'Name servers do not answer',
    (args) => `None of the name servers answers${because(args)}. Names outside the network do not resolve.`,
    { dependsOn: ['network-status'], visibleAfterMs: 15_000 },
  ),
  'exit-node-closed': warning(
    'high',
    'Nothing leaves this machine',
    'An exit node is set and this machine is not signed in, so nothing leaves it until it is: open the sign-in address on another device, use an auth key, or give the exit node up with: rhumb set --exit-node=',
    { dependsOn: ['wantrunning-false'], impactsConnectivity: true },
  ),
  'exit-node-unguarded': warning(
    'medium',
    'Exit node without kill switch',
    'An exit node is set and the firewall is not to be touched (--netfilter-mode=off): routes alone keep packets inside, and only while the daemon runs. To close the way for good: rhumb set --netfilter-mode=on',
    { dependsOn: ['wantrunning-false'] },
  ),
  'nosnat-with-advertised-exit-node': warning(
    'medium',
    'Exit node without address translation',
    'This machine offers itself as exit node and keeps the addresses of those who use it (--snat-subnet-routes=false): answers from the internet will not find back. Leave one of both.',
  ),
  'sync-disabled': warning(
    'low',
    'Changes are not followed',
    'This machine does not follow changes of its network (--sync=false). Other machines may become out of reach.',
    { dependsOn: ['wantrunning-false'] },
  ),
  'tun-device': warning('high', 'No tunnel device', (args) => `The tunnel device is gone${because(args)}.`, {
    impactsConnectivity: true,
  }),
};
