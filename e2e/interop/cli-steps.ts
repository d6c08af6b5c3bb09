/** What both command lines are asked in turn, and what each must say: the same to their own daemon and to the other's. */

export interface StepWorld {
  readonly server: string;
  readonly authKey: string;
  /** Of another user: a second login of the same one would take the place of the first. */
  readonly otherKey: string;
  /** A peer that offers to be the exit node and echoes at the port. */
  readonly peer: { readonly name: string; readonly v4: string; readonly port: string };
  readonly own4: string;
  readonly folder: string;
}

export interface Step {
  readonly name: string;
  readonly args: (world: StepWorld) => readonly string[];
  readonly want: (world: StepWorld) => RegExp;
  readonly code?: number;
  /** Changes something, so that only one of both is asked. */
  readonly changes?: boolean;
  readonly input?: string;
  /** Both say it in their own words, or with figures that differ each time. */
  readonly words?: 'own';
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const re = (text: string): RegExp => new RegExp(text, 's');
const words =
  (...args: readonly string[]): Step['args'] =>
  () =>
    args;
const says =
  (pattern: RegExp): Step['want'] =>
  () =>
    pattern;

const LOGIN: readonly Step[] = [
  { name: 'status, logged out', args: words('status'), want: says(/^Logged out\./), code: 1 },
  {
    name: 'up --json',
    args: ({ server, authKey }) => [
      'up',
      '--json',
      `--login-server=${server}`,
      `--auth-key=${authKey}`,
      '--hostname=driven',
      '--accept-dns=false',
      '--timeout=25s',
    ],
    want: says(/\{\s+"BackendState": "Running"\s+\}/),
    changes: true,
  },
];

const LOOK: readonly Step[] = [
  {
    name: 'status',
    args: words('status'),
    want: ({ own4, peer }) => re(`${escaped(own4)} +driven .*${escaped(peer.v4)} +${peer.name} `),
    words: 'own',
  },
  {
    name: 'status --json',
    args: words('status', '--json'),
    want: says(/"BackendState": "Running"/),
    words: 'own',
  },
  {
    name: 'status --json --peers=false',
    args: words('status', '--json', '--peers=false'),
    want: says(/"Peer": null/),
    words: 'own',
  },
  { name: 'ip', args: words('ip'), want: ({ own4 }) => re(`^${escaped(own4)}\\nfd7a:.*\\n$`) },
  { name: 'ip -4', args: words('ip', '-4'), want: ({ own4 }) => re(`^${escaped(own4)}\\n$`) },
  { name: 'ip -6 peer', args: ({ peer }) => ['ip', '-6', peer.name], want: says(/^fd7a:/) },
  { name: 'ip --assert', args: ({ own4 }) => ['ip', `--assert=${own4}`], want: says(/^$/) },
  {
    name: 'ping',
    args: ({ peer }) => ['ping', '--c=5', peer.name],
    want: ({ peer }) => re(`pong from ${peer.name} \\(${escaped(peer.v4)}\\) via .* in .*ms`),
    words: 'own',
  },
  {
    name: 'ping --tsmp',
    args: ({ peer }) => ['ping', '--tsmp', peer.v4],
    want: ({ peer }) => re(`pong from ${peer.name} .* via TSMP in`),
    words: 'own',
  },
  {
    name: 'ping --icmp',
    args: ({ peer }) => ['ping', '--icmp', peer.v4],
    want: ({ peer }) => re(`pong from ${peer.name} .* via ICMP in`),
    words: 'own',
  },
  {
    name: 'ping --peerapi',
    args: ({ peer }) => ['ping', '--peerapi', peer.v4],
    want: ({ peer }) => re(`hit peerapi of ${escaped(peer.v4)}`),
    words: 'own',
  },
  { name: 'ping of ourselves', args: ({ own4 }) => ['ping', own4], want: says(/is local Tailscale IP/) },
  { name: 'whois', args: ({ peer }) => ['whois', peer.v4], want: ({ peer }) => re(`Name: +${peer.name}\\.`) },
  { name: 'whois --json', args: ({ peer }) => ['whois', '--json', peer.v4], want: says(/"UserProfile": \{/) },
  { name: 'whois of nobody', args: words('whois', '100.99.99.99'), want: says(/peer not found/), code: 1 },
  { name: 'whoami', args: words('whoami'), want: says(/Name: +driven\..*Tailnet:/s) },
  { name: 'whoami --json', args: words('whoami', '--json'), want: says(/"CurrentTailnet": \{/) },
  { name: 'wait', args: words('wait', '--timeout=10s'), want: says(/^$/) },
  {
    name: 'nc',
    args: ({ peer }) => ['nc', peer.v4, peer.port],
    want: says(/^hello there\n$/),
    input: 'hello there\n',
  },
  { name: 'netcheck', args: words('netcheck'), want: says(/Report:.*UDP: .*Nearest DERP: /s), words: 'own' },
  {
    name: 'netcheck --format=json',
    args: words('netcheck', '--format=json'),
    want: says(/"PreferredDERP": /),
    words: 'own',
  },
  {
    name: 'dns status',
    args: words('dns', 'status'),
    want: says(/=== MagicDNS configuration ===.*=== System DNS configuration ===/s),
    words: 'own',
  },
  { name: 'dns status --json', args: words('dns', 'status', '--json'), want: says(/"TailscaleDNS": false/) },
  {
    name: 'dns query',
    args: ({ peer }) => ['dns', 'query', `${peer.name}.lab.rhumb.net`],
    want: ({ peer }) => re(`Response code: RCodeSuccess.*${escaped(peer.v4)}`),
  },
  {
    name: 'dns query --json',
    args: ({ peer }) => ['dns', 'query', '--json', `${peer.name}.lab.rhumb.net`, 'a'],
    want: says(/"Type": "TypeA"/),
  },
  { name: 'metrics', args: words('metrics'), want: says(/tailscaled_[a-z_]+/), words: 'own' },
  {
    name: 'metrics write',
    args: ({ folder }) => ['metrics', 'write', `${folder}/metrics.prom`],
    want: says(/^$/),
  },
  { name: 'debug prefs', args: words('debug', 'prefs'), want: says(/"Hostname": "driven"/) },
  {
    name: 'debug watch-ipn',
    args: words('debug', 'watch-ipn', '--initial', '--count=1'),
    want: says(/"State": 6,.*"Prefs": \{/s),
    words: 'own',
  },
  { name: 'debug netmap', args: words('debug', 'netmap'), want: says(/"SelfNode": \{/), words: 'own' },
  { name: 'debug derp-map', args: words('debug', 'derp-map'), want: says(/"Regions": \{/) },
  { name: 'debug metrics', args: words('debug', 'metrics'), want: says(/^# TYPE /m), words: 'own' },
  { name: 'debug localapi', args: words('debug', 'localapi', 'GET', 'derpmap'), want: says(/"Regions":/) },
  { name: 'debug restun', args: words('debug', 'restun'), want: says(/^$/) },
  {
    name: 'debug component-logs',
    args: words('debug', 'component-logs', '--for=1m', 'magicsock'),
    want: says(/Enabled debug logs for component "magicsock"/),
  },
  {
    name: 'debug peer-endpoint-changes',
    args: ({ peer }) => ['debug', 'peer-endpoint-changes', peer.v4],
    want: says(/^(?:\[|null)/),
    words: 'own',
  },
  { name: 'debug control-knobs', args: words('debug', 'control-knobs'), want: says(/^\{/), words: 'own' },
  {
    name: 'debug via',
    args: words('debug', 'via', '7', '10.1.0.0/16'),
    want: says(/^fd7a:115c:a1e0:b1a:0:7:a01:0\/112\n$/),
  },
  { name: 'bugreport', args: words('bugreport', 'a note'), want: says(/^BUG-/), words: 'own' },
  {
    name: 'version --daemon',
    args: words('version', '--daemon'),
    want: says(/^Client: .*Daemon: \d/s),
    words: 'own',
  },
  {
    name: 'exit-node list',
    args: words('exit-node', 'list'),
    want: ({ peer }) => re(`${escaped(peer.v4)} +${peer.name}\\.`),
  },
  {
    name: 'exit-node list --filter',
    args: words('exit-node', 'list', '--filter=Nowhere'),
    want: says(/no exit nodes found for "Nowhere"/),
    code: 1,
  },
  {
    name: 'exit-node suggest',
    args: words('exit-node', 'suggest'),
    want: says(/Suggested exit node: |No exit node suggestion is available\./),
    words: 'own',
  },
  {
    name: 'routecheck',
    args: words('routecheck', '--probe'),
    want: says(/Reachable routers at|routecheck: /),
    words: 'own',
  },
  { name: 'appc-routes', args: words('appc-routes'), want: says(/^not a connector\n$/) },
  { name: 'switch --list', args: words('switch', '--list'), want: says(/^ID +Tailnet +Account *\n.*\*/s) },
  { name: 'switch --list --json', args: words('switch', '--list', '--json'), want: says(/"selected": true/) },
  {
    name: 'switch to nobody',
    args: words('switch', 'nobody@'),
    want: says(/No profile named "nobody@"/),
    code: 1,
  },
  { name: 'get', args: words('get'), want: says(/^NAME +VALUE\n.*hostname +driven\n/s), words: 'own' },
  { name: 'get hostname', args: words('get', 'hostname'), want: says(/^driven\n$/) },
  { name: 'get --json', args: words('get', '--json', 'accept-dns'), want: says(/"accept-dns": false/) },
];

const CHANGE: readonly Step[] = [
  {
    name: 'up, leaving out a setting',
    args: words('up', '--shields-up'),
    want: says(/requires mentioning all.*--accept-dns=false.*--hostname=driven/s),
    code: 1,
    words: 'own',
  },
  { name: 'set --shields-up', args: words('set', '--shields-up'), want: says(/^$/), changes: true },
  { name: 'get shields-up', args: words('get', 'shields-up'), want: says(/^true\n$/) },
  {
    name: 'set --shields-up=false',
    args: words('set', '--shields-up=false'),
    want: says(/^$/),
    changes: true,
  },
  { name: 'set --nickname', args: words('set', '--nickname=first'), want: says(/^$/), changes: true },
  {
    name: 'set --exit-node',
    args: ({ peer }) => ['set', `--exit-node=${peer.name}`],
    want: says(/^$/),
    changes: true,
  },
  {
    name: 'get exit-node',
    args: words('get', 'exit-node'),
    want: ({ peer }) => re(`^${escaped(peer.v4)}\\n$`),
  },
  { name: 'set --exit-node=', args: words('set', '--exit-node='), want: says(/^$/), changes: true },
  {
    name: 'set --advertise-routes',
    args: words('set', '--advertise-routes=192.168.99.0/24'),
    want: says(/^(?:Warning: .*)?$/s),
    changes: true,
  },
  { name: 'down', args: words('down'), want: says(/^$/), changes: true },
  { name: 'status, down', args: words('status'), want: says(/is stopped\.\n$/), code: 1, words: 'own' },
  { name: 'down again', args: words('down'), want: says(/was already stopped\.\n$/), changes: true },
  {
    name: 'nc while down',
    args: ({ peer }) => ['nc', peer.v4, peer.port],
    want: says(/is stopped\./),
    code: 1,
    words: 'own',
  },
  {
    name: 'up',
    args: words('up'),
    want: says(/^(?:.*peers are advertising routes.*)?$/s),
    changes: true,
  },
  {
    name: 'login',
    args: ({ server, otherKey }) => [
      'login',
      `--login-server=${server}`,
      `--auth-key=${otherKey}`,
      '--hostname=driven-2',
      '--accept-dns=false',
      '--nickname=second',
      '--timeout=25s',
    ],
    want: says(/^(?:.*peers are advertising routes.*)?$/s),
    changes: true,
  },
  {
    name: 'switch --list, two accounts',
    args: words('switch', '--list'),
    want: says(/first\s*\n.*second\*/s),
  },
  {
    name: 'switch',
    args: words('switch', 'first'),
    want: says(/^Switching to account "first"\nSuccess\.\n$/),
    changes: true,
  },
  {
    name: 'switch to where we are',
    args: words('switch', 'first'),
    want: says(/^Already on account "first"\n$/),
  },
  { name: 'switch remove', args: words('switch', 'remove', 'second'), want: says(/^$/), changes: true },
  { name: 'logout', args: words('logout'), want: says(/^$/), changes: true },
  { name: 'status, logged out again', args: words('status'), want: says(/^Logged out\./), code: 1 },
];

export const STEPS: readonly (readonly Step[])[] = [LOGIN, LOOK, CHANGE];
