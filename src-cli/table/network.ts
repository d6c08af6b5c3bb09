/** The commands about the network: its exits, routes, names, relays and figures. */
import type { Command, Flag } from '../commands/spec.ts';

const jsonFlag: Flag = { name: 'json', kind: 'bool', about: 'print JSON' };
const formatFlag: Flag = {
  name: 'format',
  kind: 'text',
  value: 'json|json-line',
  about: 'json, or json-line for one line; text unless given',
};

export const netcheck: Command = {
  name: 'netcheck',
  about: 'Show what this network lets through, and how far the relays are',
  details:
    'Asks the relays of the daemon’s map from sockets of its own, so that nothing of the running network is disturbed. ' +
    'The lines below the report say in words what it means for direct connections.',
  flags: [
    formatFlag,
    { name: 'every', kind: 'duration', about: 'check again after so long, the nearest relays only' },
    { name: 'verbose', kind: 'bool', about: 'wait for all relays and show what happens' },
    { name: 'bind-address', kind: 'text', value: 'ip', about: 'address of this machine to probe from' },
    { name: 'bind-port', kind: 'int', value: 'port', about: 'UDP port to probe from' },
  ],
  load: async () => (await import('../commands/netcheck.ts')).netcheck,
};

export const routecheck: Command = {
  name: 'routecheck',
  about: 'Show which routers can be reached, where several carry the same route',
  flags: [
    { name: 'probe', kind: 'bool', about: 'ask the routers now instead of showing the last answers' },
    formatFlag,
    jsonFlag,
  ],
  load: async () => (await import('../commands/routecheck.ts')).routecheck,
};

export const dns: Command = {
  name: 'dns',
  about: 'Show how names are resolved',
  flags: [],
  subcommands: [
    {
      name: 'status',
      about: 'Show the settings of the network and of this machine',
      flags: [
        {
          name: 'all',
          kind: 'bool',
          about: 'also fallback resolvers, certificate domains, extra records, filtered suffixes',
        },
        jsonFlag,
      ],
      load: async () => (await import('../commands/dns-status.ts')).dnsStatus,
    },
    {
      name: 'query',
      about: 'Ask the daemon’s resolver for a name',
      usage: '<name> [type]',
      maxArgs: 2,
      details: 'The type is A unless given, in letters: AAAA, CNAME, MX, NS, PTR, SRV, TXT.',
      flags: [jsonFlag],
      load: async () => (await import('../commands/dns-query.ts')).dnsQuery,
    },
  ],
};

export const exitNode: Command = {
  name: 'exit-node',
  about: 'Show the machines that can be the exit to the internet',
  flags: [],
  subcommands: [
    {
      name: 'list',
      about: 'Show them',
      details: 'Where machines have a place, one for each city is shown, and for each country the best.',
      flags: [
        { name: 'filter', kind: 'text', value: 'country', about: 'all of this country, and no others' },
      ],
      load: async () => (await import('../commands/exit-node.ts')).exitNodeList,
    },
    {
      name: 'suggest',
      about: 'Suggest the best of them',
      flags: [
        {
          name: 'force-probe',
          kind: 'bool',
          about: 'find out first which of them answer',
          isHidden: true,
        },
      ],
      load: async () => (await import('../commands/exit-node.ts')).exitNodeSuggest,
    },
    {
      name: 'connect',
      about: 'Use the exit node again that was used last',
      flags: [],
      load: async () => (await import('../commands/exit-node.ts')).exitNodeConnect,
    },
    {
      name: 'disconnect',
      about: 'Use none for now; `rhumb exit-node connect` goes back',
      flags: [],
      load: async () => (await import('../commands/exit-node.ts')).exitNodeDisconnect,
    },
  ],
};

export const metrics: Command = {
  name: 'metrics',
  about: 'Show figures of the daemon for monitoring',
  flags: [],
  load: async () => (await import('../commands/metrics.ts')).metricsPrint,
  subcommands: [
    {
      name: 'print',
      about: 'Print them in the text format of Prometheus',
      flags: [],
      load: async () => (await import('../commands/metrics.ts')).metricsPrint,
    },
    {
      name: 'write',
      about: 'Write them to a file, for a collector that reads files',
      usage: '<path>',
      maxArgs: 1,
      details: 'The file is replaced in one step: a reader never sees half of it.',
      flags: [],
      load: async () => (await import('../commands/metrics.ts')).metricsWrite,
    },
  ],
};

export const appcRoutes: Command = {
  name: 'appc-routes',
  about: 'Show the routes that this app connector has learned',
  flags: [
    { name: 'all', kind: 'bool', about: 'all domains with their routes, and the routes of the policy' },
    { name: 'map', kind: 'bool', about: 'domains with their routes, as one line of JSON' },
    { name: 'n', kind: 'bool', about: 'only how many routes this machine advertises' },
  ],
  load: async () => (await import('../commands/appc-routes.ts')).appcRoutes,
};
