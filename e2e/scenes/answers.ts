/** What a healthy host answers to what pages ask by themselves. */
import type { GuiSettings, NetcheckReport, TrafficSeries } from '#shared/bridge/contract.ts';
import { ago, HOUR, MINUTE, NOW, SECOND } from './builders.ts';
import type { Answers } from './scene.ts';

const GUI: GuiSettings = {
  language: 'en',
  theme: 'system',
  contrast: 'system',
  density: 'comfortable',
  trayIcon: 'colour',
  onClose: 'auto',
  startAtLogin: true,
  startHidden: false,
  confirmDisconnect: false,
  notifications: {},
  notifyOnlyHidden: true,
  pinnedDevices: [],
  recentExitNodes: [],
  sshUsers: {},
  isIntroduced: true,
  dismissed: {},
  quietKeyUntilMs: 0,
};

const region = (id: number, code: string, name: string, v4Ms: number | null, v6Ms: number | null) => ({
  id,
  code,
  name,
  v4Ms,
  v6Ms,
});

export const NETCHECK: NetcheckReport = {
  atMs: ago(20 * SECOND),
  udp: true,
  ipv4: '203.0.113.7:41641',
  ipv6: '[2001:db8:7::20]:41641',
  mappingVaries: false,
  portMapping: ['UPnP', 'PCP'],
  captivePortal: false,
  preferred: 900,
  regions: [
    region(900, 'fra', 'Frankfurt', 8.4, 9.1),
    region(901, 'ams', 'Amsterdam', 14.2, 14.9),
    region(902, 'par', 'Paris', 19.6, null),
    region(903, 'nyc', 'New York', 92.3, 93.8),
    region(904, 'sin', 'Singapore', 181.4, 178.2),
    region(905, 'syd', 'Sydney', null, null),
  ],
};

export const BLOCKED_NETCHECK: NetcheckReport = {
  ...NETCHECK,
  udp: false,
  ipv4: '',
  ipv6: '',
  mappingVaries: null,
  portMapping: [],
  captivePortal: true,
  preferred: 0,
  regions: NETCHECK.regions.map((one) => ({ ...one, v4Ms: null, v6Ms: null })),
};

/** A quiet minute, a download, a call: the same in every run. */
export function traffic(seconds: number): TrafficSeries {
  const wave = (n: number, size: number, period: number): number =>
    Math.round(size * (1 + Math.sin((2 * Math.PI * n) / period)) + size * ((n * 7_919) % 13) * 0.05);
  const list = (each: (n: number) => number): number[] => Array.from({ length: seconds }, (_, n) => each(n));
  const isBusy = (n: number): boolean => n % 900 > 300 && n % 900 < 460;
  return {
    endMs: NOW,
    direct: {
      in: list((n) => wave(n, isBusy(n) ? 4_200_000 : 22_000, 47)),
      out: list((n) => wave(n, isBusy(n) ? 160_000 : 9_000, 31)),
    },
    relayed: { in: list((n) => wave(n, 4_000, 61)), out: list((n) => wave(n, 2_500, 53)) },
  };
}

const LINES = [
  ['info', 'magicsock.direct', 'atlas is reached at 192.168.1.20:41641'],
  ['info', 'control.map', 'the map has 12 machines'],
  ['warn', 'dns.slow', '9.9.9.9 took 1 400 ms'],
  ['debug', 'disco.pong', 'kestrel answered after 17 ms'],
  ['error', 'portmap.failed', 'the router refused UPnP'],
  ['info', 'derp.home', 'the home relay is fra'],
] as const;

/** As the daemon writes them. */
export const LOG = Array.from({ length: 60 }, (_, n) => {
  const [level, event, message] = LINES[n % LINES.length] ?? LINES[0];
  return JSON.stringify({
    time: ago((60 - n) * 7 * SECOND),
    level,
    event,
    message,
    module: event.split('.')[0],
  });
});

export const defaultAnswers = (gui: Partial<GuiSettings> = {}): Answers => ({
  'gui.get': { gives: { ...GUI, ...gui } },
  'gui.edit': { gives: { ...GUI, ...gui } },
  'traffic.watch': { gives: traffic(3_600) },
  'traffic.unwatch': { gives: undefined },
  'prefs.edit': { gives: undefined },
  'login.start': { gives: undefined },
  'login.cancel': { gives: undefined },
  'login.probeServer': {
    gives: { url: 'https://control.example.com', isReachable: true, trouble: 'none', problem: '' },
  },
  'account.add': { gives: undefined },
  'account.switch': { gives: undefined },
  'account.remove': { gives: undefined },
  logout: { gives: undefined },
  'exitNode.set': { gives: undefined },
  'exitNode.toggleLast': { gives: undefined },
  'exitNode.offer': { gives: undefined },
  'exitNode.suggest': { gives: { id: 'n-harbour', name: 'harbour' } },
  'routes.check': { gives: { forwarding: '', udpGro: '' } },
  'routes.local': {
    gives: [
      { interface: 'wlan0', prefix: '192.168.1.0/24' },
      { interface: 'docker0', prefix: '172.17.0.0/16' },
    ],
  },
  'device.ping': { gives: { operation: 'op-1' } },
  'device.pin': { gives: undefined },
  'device.ssh': { gives: { launched: false, command: 'ssh ada@atlas.lab.rhumb.net' } },
  'path.explain': {
    gives: {
      conclusion: 'the NATs on both sides give each destination another port',
      tried: [
        { endpoint: '198.51.100.23:49152', result: 'silent', atMs: ago(20 * SECOND), latencyMs: null },
        { endpoint: '10.112.4.8:41641', result: 'answered', atMs: ago(21 * SECOND), latencyMs: 41 },
        { endpoint: '[2001:db8:9::8]:41641', result: 'known', atMs: null, latencyMs: null },
      ],
      history: [
        { atMs: ago(3 * HOUR), from: 'none', to: 'relay relay 900' },
        { atMs: ago(2 * HOUR), from: 'relay relay 900', to: 'direct 198.51.100.23:40100' },
        { atMs: ago(12 * MINUTE), from: 'direct 198.51.100.23:40100', to: 'relay relay 900' },
      ],
    },
  },
  'traffic.top': {
    gives: [
      { id: 'n-atlas', in: 4_210_000_000, out: 310_000_000 },
      { id: 'n-harbour', in: 912_000_000, out: 120_400_000 },
      { id: 'n-build-1', in: 88_000_000, out: 402_000_000 },
      { id: 'n-adas-phone', in: 1_900_000, out: 12_000_000 },
    ],
  },
  'netcheck.run': { gives: NETCHECK },
  'dns.status': {
    gives: {
      nameservers: ['192.168.1.1'],
      searchDomains: ['lab.rhumb.net'],
      matchDomains: ['lab.rhumb.net', 'corp.example.com'],
      resolvers: ['9.9.9.9', '1.1.1.1'],
      routes: [
        { suffix: 'lab.rhumb.net', resolvers: [] },
        { suffix: 'corp.example.com', resolvers: ['10.20.0.53'] },
      ],
    },
  },
  'dns.query': {
    gives: {
      code: 'NOERROR',
      answers: ['atlas.lab.rhumb.net. 600 A 100.64.3.9'],
      resolvers: ['100.100.100.100'],
      ms: 1.8,
    },
  },
  'log.tail': { gives: LOG },
  'report.build': {
    gives: [
      { name: 'versions.json', text: '{\n  "rhumb": "0.1.0",\n  "os": "Debian 12"\n}\n' },
      { name: 'status.json', text: '{\n  "BackendState": "Running"\n}\n' },
      { name: 'netcheck.json', text: JSON.stringify(NETCHECK, null, 2) },
      { name: 'log.txt', text: LOG.join('\n') },
    ],
  },
  'operation.cancel': { gives: undefined },
  'open.url': { gives: { url: 'https://control.example.com/a/17c3', isOpened: true } },
  'clipboard.write': { gives: undefined },
  'service.status': { gives: { isAtBoot: true, lines: [], isAppReplaced: false } },
  'service.install': { gives: undefined },
  'service.start': { gives: undefined },
  'service.restart': { gives: undefined },
  'operator.grant': { gives: undefined },
  'forwarding.enable': { gives: undefined },
  'app.relaunch': { gives: undefined },
  'window.hide': { gives: undefined },
  'update.check': { gives: { version: '0.1.0', isNewer: false } },
  'update.install': { gives: undefined },
});
