/** The commands that show this machine and others, or reach them. */
import type { Command, Flag } from '../commands/spec.ts';

const jsonFlag: Flag = { name: 'json', kind: 'bool', about: 'print JSON' };
const peers: Command['offers'] = (position) =>
  position === 0 ? import('../commands/offers.ts').then((offers) => offers.peers) : undefined;

export const status: Command = {
  name: 'status',
  about: 'Show the machines of the network and how they are reached',
  details: 'Exits with status 1, saying why, unless the machine is up or coming up.',
  flags: [
    { name: 'json', kind: 'bool', about: 'print the whole status as JSON' },
    { name: 'active', kind: 'bool', about: 'only peers with traffic' },
    { name: 'self', kind: 'bool', initial: true, about: 'show this machine' },
    { name: 'peers', kind: 'bool', initial: true, about: 'show the other machines' },
    { name: 'header', kind: 'bool', about: 'print column names above the table' },
    { name: 'web', kind: 'bool', about: 'serve the status as a web page until Ctrl-C' },
    {
      name: 'listen',
      kind: 'text',
      initial: '127.0.0.1:8384',
      value: 'address',
      about: 'with --web: where; port 0 for any',
    },
    { name: 'browser', kind: 'bool', initial: true, about: 'with --web: open the page' },
  ],
  load: async () => (await import('../commands/status.ts')).status,
};

export const ip: Command = {
  name: 'ip',
  about: 'Show addresses of this machine or another',
  usage: '[machine]',
  maxArgs: 1,
  flags: [
    { name: '1', kind: 'bool', about: 'only one address' },
    { name: '4', kind: 'bool', about: 'only the IPv4 address' },
    { name: '6', kind: 'bool', about: 'only the IPv6 address' },
    { name: 'assert', kind: 'text', value: 'ip', about: 'succeed silently if this machine has that address' },
  ],
  load: async () => (await import('../commands/ip.ts')).ip,
  offers: peers,
};

export const ping: Command = {
  name: 'ping',
  about: 'Ping a machine through the network and show the way its reply took',
  usage: '<name or address>',
  maxArgs: 1,
  details:
    'Stops once a reply came directly, not through a relay, or after 10 pings. Exits with status 1 when no reply came, ' +
    'or none came directly although that was waited for. By default the ping asks the program on the other machine; ' +
    '--tsmp goes through WireGuard and --icmp to its IP stack, too: where a disco ping works and one of those ' +
    'does not, one of them is in the way.',
  flags: [
    { name: 'c', kind: 'int', initial: 10, value: 'count', about: 'how many pings at most; 0 for no end' },
    { name: 'timeout', kind: 'duration', initial: 5_000, about: 'how long to wait for each reply' },
    { name: 'until-direct', kind: 'bool', initial: true, about: 'stop once a direct path is there' },
    { name: 'tsmp', kind: 'bool', about: 'ping through WireGuard, but not either host’s IP stack' },
    { name: 'icmp', kind: 'bool', about: 'ping through WireGuard with ICMP' },
    { name: 'peerapi', kind: 'bool', about: 'ask the machine’s PeerAPI server instead' },
    { name: 'size', kind: 'int', value: 'bytes', about: 'size of the ping; 0 for the least' },
    { name: 'verbose', kind: 'bool', about: 'also show which address a name has' },
  ],
  load: async () => (await import('../commands/ping.ts')).ping,
  offers: peers,
};

export const nc: Command = {
  name: 'nc',
  about: 'Connect standard input and output to a port of a machine',
  usage: '<name or address> <port>',
  maxArgs: 2,
  details: 'Made for use as ProxyCommand of ssh, where no tunnel interface carries connections of its own.',
  flags: [],
  load: async () => (await import('../commands/nc.ts')).nc,
  offers: peers,
};

export const whois: Command = {
  name: 'whois',
  about: 'Show the machine and user behind an address',
  usage: '<ip[:port]>',
  maxArgs: 1,
  flags: [
    jsonFlag,
    { name: 'proto', kind: 'text', value: 'tcp|udp', about: 'protocol of the port; both unless given' },
  ],
  load: async () => (await import('../commands/whois.ts')).whois,
};

export const whoami: Command = {
  name: 'whoami',
  about: 'Show this machine and its user as others see them',
  flags: [jsonFlag],
  load: async () => (await import('../commands/whois.ts')).whoami,
};

export const wait: Command = {
  name: 'wait',
  about: 'Wait until the network is up and its address can be listened on',
  details:
    'Waits for the daemon, for its state to be Running and for the address to be on an interface. For services: ' +
    '`rhumb wait && exec my-server`.',
  flags: [{ name: 'timeout', kind: 'duration', about: 'how long to wait; 0s for no end' }],
  load: async () => (await import('../commands/wait.ts')).wait,
};
