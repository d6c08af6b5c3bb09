/** `rhumb debug`: what the daemon knows or would do, raw, for those who look for a fault. */
import type { Command } from '../commands/spec.ts';

type Debug = Omit<Command, 'flags'> & Partial<Pick<Command, 'flags'>>;
const one = (command: Debug): Command => ({ flags: [], ...command });

/** A word to the daemon: it does something, and there is nothing to print. */
const action = (name: string, about: string, sent = name): Command =>
  one({ name, about, load: async () => (await import('../debug/actions.ts')).debugAction(sent) });

const jsonAction = (name: string, about: string): Command =>
  one({ name, about, load: async () => (await import('../debug/actions.ts')).debugJson(name) });

const peers: Command['offers'] = (position) =>
  position === 0 ? import('../commands/offers.ts').then((offers) => offers.peers) : undefined;

const STATE: readonly Command[] = [
  one({
    name: 'prefs',
    about: 'Print the preferences',
    flags: [{ name: 'pretty', kind: 'bool', about: 'one line instead of JSON' }],
    load: async () => (await import('../debug/state.ts')).debugPrefs,
  }),
  one({
    name: 'netmap',
    about: 'Print the network map',
    load: async () => (await import('../debug/state.ts')).debugNetmap,
  }),
  one({
    name: 'watch-ipn',
    about: 'Print the messages of the daemon as they come',
    flags: [
      { name: 'count', kind: 'int', value: 'number', about: 'end after so many messages; 0 for no end' },
      { name: 'initial', kind: 'bool', about: 'begin with the state and the preferences' },
      { name: 'netmap', kind: 'bool', about: 'whole network maps, too' },
      { name: 'engine-updates', kind: 'bool', about: 'traffic of each peer every two seconds' },
      { name: 'initial-drive-shares', kind: 'bool', about: 'begin with the shared folders' },
      { name: 'initial-outgoing-files', kind: 'bool', about: 'begin with files on their way' },
      { name: 'initial-health', kind: 'bool', about: 'begin with the health' },
      { name: 'health-actions', kind: 'bool', about: 'keep what helps apart from the text of a warning' },
      { name: 'initial-suggested-exit-node', kind: 'bool', about: 'begin with the suggested exit node' },
      { name: 'initial-client-version', kind: 'bool', about: 'begin with the newest version' },
      { name: 'initial-status', kind: 'bool', about: 'begin with the whole status' },
      { name: 'peer-changes', kind: 'bool', initial: true, about: 'machines that changed' },
      { name: 'peer-patches', kind: 'bool', initial: true, about: 'only the fields that changed' },
      { name: 'peer-wireguard-state', kind: 'bool', about: 'sessions of WireGuard' },
    ],
    load: async () => (await import('../debug/watch.ts')).debugWatch,
  }),
  one({
    name: 'derp-map',
    about: 'Print the relays that the coordination server told of',
    load: async () => (await import('../debug/state.ts')).debugDerpMap,
  }),
  one({
    name: 'engine',
    about: 'Say what moves the packets, with which cipher, and why',
    load: async () => (await import('../debug/state.ts')).debugEngine,
  }),
  one({
    name: 'filter',
    about: 'Show the rules of the packet filter and what each let in or refused',
    flags: [{ name: 'json', kind: 'bool', about: 'print JSON' }],
    load: async () => (await import('../debug/filter.ts')).debugFilter,
  }),
  one({
    name: 'metrics',
    about: 'Print all counters of the daemon',
    flags: [{ name: 'watch', kind: 'bool', about: 'print what changes, every second' }],
    load: async () => (await import('../debug/metrics.ts')).debugMetrics,
  }),
  one({
    name: 'peer-endpoint-changes',
    about: 'Print how the addresses of a machine changed',
    usage: '<name or address>',
    maxArgs: 1,
    load: async () => (await import('../debug/peer.ts')).peerEndpointChanges,
    offers: peers,
  }),
  jsonAction('control-knobs', 'Print what the coordination server switched on or off'),
  jsonAction('peer-relay-servers', 'Print the machines that may relay for us'),
  one({
    name: 'statedir',
    about: 'Print where the daemon keeps its state',
    load: async () => (await import('../debug/state.ts')).debugStateDir,
  }),
  one({
    name: 'hostinfo',
    about: 'Print what this machine tells about itself',
    load: async () => (await import('../debug/host.ts')).debugHostinfo,
  }),
];

const LOGS: readonly Command[] = [
  one({
    name: 'daemon-logs',
    about: 'Print the daemon’s log as it is written',
    flags: [
      { name: 'verbose', kind: 'int', value: 'level', about: 'with details up to this level' },
      { name: 'time', kind: 'bool', about: 'with the time of each line' },
    ],
    load: async () => (await import('../debug/logs.ts')).daemonLogs,
  }),
  one({
    name: 'component-logs',
    about: 'Let a part of the daemon write more to its log for a while',
    usage: '<part>',
    maxArgs: 1,
    flags: [{ name: 'for', kind: 'duration', initial: 3_600_000, about: 'for how long; 0s ends it' }],
    load: async () => (await import('../debug/logs.ts')).componentLogs,
  }),
  one({
    name: 'daemon-goroutines',
    about: 'Print what the daemon is doing at this moment',
    load: async () => (await import('../debug/state.ts')).debugGoroutines,
  }),
];

const ACTIONS: readonly Command[] = [
  action('restun', 'Find out our own addresses anew'),
  action('rebind', 'Open the UDP sockets anew'),
  action('rotate-disco-key', 'Take another key for finding paths'),
  action('pick-new-derp', 'Go to another relay for a while'),
  one({
    name: 'force-prefer-derp',
    about: 'Prefer this relay where it can be reached, until a restart; 0 for none',
    usage: '<region id>',
    maxArgs: 1,
    load: async () => (await import('../debug/actions.ts')).forcePreferDerp,
  }),
  action(
    'derp-set-on-demand',
    'Connect to relays only when needed; others can’t begin then',
    'derp-set-homeless',
  ),
  action('derp-unset-on-demand', 'Go back to having a home relay', 'derp-unset-homeless'),
  action('break-tcp-conns', 'Break the daemon’s TCP connections'),
  action('break-derp-conns', 'Break the connections to relays'),
  action('force-netmap-update', 'Apply the network map again'),
  action('clear-netmap-cache', 'Forget the network map that was kept for starting without a server'),
  one({
    name: 'reload-config',
    about: 'Read the configuration file again',
    load: async () => (await import('../debug/actions.ts')).reloadConfig,
  }),
  one({
    name: 'set-expire',
    about: 'Let the key of this machine expire soon, for testing',
    flags: [{ name: 'in', kind: 'duration', about: 'from now' }],
    load: async () => (await import('../debug/actions.ts')).setExpire,
  }),
];

const NETWORK: readonly Command[] = [
  one({
    name: 'derp',
    about: 'Test a relay',
    usage: '<region>',
    maxArgs: 1,
    load: async () => (await import('../debug/actions.ts')).debugDerp,
  }),
  one({
    name: 'portmap',
    about: 'Ask the router for a UDP port, step by step, and give it back',
    load: async () => (await import('../commands/portmap.ts')).portmap,
    isOffline: () => true,
  }),
  one({
    name: 'capture',
    about: 'Write the packets of the tunnel in the format of pcap',
    flags: [{ name: 'o', kind: 'text', value: 'file', about: 'to this file; - for standard output' }],
    load: async () => (await import('../debug/capture.ts')).capture,
  }),
  one({
    name: 'ts2021',
    about: 'Connect to a coordination server as the daemon does, step by step',
    flags: [
      { name: 'host', kind: 'text', value: 'host[:port]', about: 'server; the daemon’s unless given' },
      { name: 'verbose', kind: 'bool', about: 'say more' },
    ],
    load: async () => (await import('../debug/ts2021.ts')).ts2021,
  }),
  one({
    name: 'resolve',
    about: 'Resolve a name as the system does',
    usage: '<name>',
    maxArgs: 1,
    flags: [
      { name: 'net', kind: 'text', initial: 'ip', choices: ['ip', 'ip4', 'ip6'], about: 'ip, ip4 or ip6' },
    ],
    load: async () => (await import('../debug/host.ts')).debugResolve,
    isOffline: () => true,
  }),
  one({
    name: 'via',
    about: 'Convert between an IPv4 route of a site and its IPv6 form',
    usage: ['<site> <ipv4-route>', '<ipv6-route>'],
    maxArgs: 2,
    load: async () => (await import('../debug/via.ts')).debugVia,
    isOffline: () => true,
  }),
  one({
    name: 'dial-types',
    about: 'Print how connections to a host are made',
    usage: '<name or address> <port>',
    maxArgs: 2,
    flags: [{ name: 'network', kind: 'text', initial: 'tcp', about: 'tcp or udp' }],
    load: async () => (await import('../debug/peer.ts')).dialTypes,
    offers: peers,
  }),
];

const HERE: readonly Command[] = [
  one({
    name: 'localapi',
    about: 'Call the daemon’s API',
    usage: '[method] <path> [body|-]',
    maxArgs: 3,
    flags: [{ name: 'v', kind: 'bool', about: 'with the headers of the reply' }],
    load: async () => (await import('../debug/localapi.ts')).debugLocalApi,
  }),
  one({
    name: 'local-creds',
    about: 'Print how to call the daemon’s API with curl',
    load: async () => (await import('../debug/host.ts')).localCreds,
    isOffline: () => true,
  }),
  one({
    name: 'env',
    about: 'Print the environment of this command',
    load: async () => (await import('../debug/host.ts')).debugEnv,
    isOffline: () => true,
  }),
  one({
    name: 'stat',
    about: 'Print what files are, as this command sees them',
    usage: '<file>…',
    maxArgs: 100,
    load: async () => (await import('../debug/host.ts')).debugStat,
    isOffline: () => true,
  }),
  one({
    name: 'test-risk',
    about: 'Ask as before something risky, and do nothing',
    isHidden: true,
    flags: [{ name: 'accept-risk', kind: 'text', value: 'risk', about: 'don’t ask' }],
    load: async () => (await import('../debug/host.ts')).testRisk,
    isOffline: () => true,
  }),
];

export const debug: Command = one({
  name: 'debug',
  about: 'Look into the daemon, for finding faults',
  details: 'What these print may change with any version.',
  subcommands: [...STATE, ...LOGS, ...ACTIONS, ...NETWORK, ...HERE],
});
