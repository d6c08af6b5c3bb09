/** The list a support person would ask for, from what is known: each passes, warns, fails or is not known; failures first; pure. */
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import type { Snapshot, Warning } from '#shared/ui-state/types.ts';
import { formatExact } from '../../../ui/time.tsx';
import type { Key } from '../../i18n/text.ts';
import { warningWords } from '../../lib/warnings.ts';

export type Level = 'fail' | 'warn' | 'unknown' | 'pass';

export const CHECKS = [
  'service',
  'login',
  'control',
  'map',
  'clock',
  'relay',
  'udp',
  'ipv6',
  'portMapping',
  'nat',
  'captive',
  'dns',
  'firewall',
  'device',
  'key',
  'health',
  'versions',
] as const;
export type CheckId = (typeof CHECKS)[number];

export interface Check {
  readonly id: CheckId;
  readonly level: Level;
  /** One line; values are taken into it. */
  readonly text: Key;
  readonly values?: Readonly<Record<string, string | number>>;
}

export interface Known {
  readonly snapshot: Snapshot;
  readonly netcheck: NetcheckReport | undefined;
  readonly appVersion: string;
  readonly nowMs: number;
}

const ORDER: Readonly<Record<Level, number>> = { fail: 0, warn: 1, unknown: 2, pass: 3 };

export function checksOf(known: Known): readonly Check[] {
  const { snapshot } = known;
  if (snapshot.link.kind !== 'ready') return [service(snapshot)];
  const all = [
    service(snapshot),
    login(snapshot),
    control(snapshot),
    map(snapshot),
    clock(snapshot),
    ...network(known.netcheck),
    dns(snapshot),
    firewall(snapshot),
    device(snapshot),
    key(known),
    health(snapshot),
    versions(known),
  ];
  return all.toSorted((a, b) => ORDER[a.level] - ORDER[b.level]);
}

const service = ({ link }: Snapshot): Check => {
  if (link.kind === 'ready') return { id: 'service', level: 'pass', text: 'check.service.pass' };
  if (link.kind === 'searching') return { id: 'service', level: 'unknown', text: 'check.service.searching' };
  return { id: 'service', level: 'fail', text: 'check.service.fail' };
};

function login({ state }: Snapshot): Check {
  if (state === 'Running') return { id: 'login', level: 'pass', text: 'check.login.pass' };
  if (state === 'Stopped') return { id: 'login', level: 'warn', text: 'check.login.off' };
  if (state === 'NeedsLogin' || state === 'NeedsMachineAuth')
    return { id: 'login', level: 'fail', text: 'check.login.fail' };
  return { id: 'login', level: 'unknown', text: 'check.login.waiting' };
}

/** In our words where we have some. */
const said = (id: CheckId, level: Level, warning: Warning): Check => ({
  id,
  level,
  text: 'check.said',
  values: { text: warningWords(warning).title },
});

const MAP_CODES = ['not-in-map-poll', 'mapresponse-timeout', 'sync-disabled'];

function map(snapshot: Snapshot): Check {
  if (snapshot.state !== 'Running') return { id: 'map', level: 'unknown', text: 'check.map.unknown' };
  const warning = warned(snapshot, MAP_CODES);
  if (warning === undefined) return { id: 'map', level: 'pass', text: 'check.map.pass' };
  const { brokenSinceMs } = warning;
  return brokenSinceMs === undefined
    ? said('map', 'warn', warning)
    : { id: 'map', level: 'warn', text: 'check.map.old', values: { time: formatExact(brokenSinceMs) } };
}

function clock(snapshot: Snapshot): Check {
  const warning = warned(snapshot, ['clock-skew']);
  return warning === undefined
    ? { id: 'clock', level: 'pass', text: 'check.clock.pass' }
    : said('clock', 'fail', warning);
}

const FIREWALL_CODES = ['firewall-failed', 'docker-stateful-filtering', 'exit-node-unguarded'];

function firewall(snapshot: Snapshot): Check {
  const { settings, daemon } = snapshot;
  const warning = warned(snapshot, FIREWALL_CODES);
  if (warning !== undefined)
    return said('firewall', warning.code === 'firewall-failed' ? 'fail' : 'warn', warning);
  if (daemon.platform !== 'linux') return { id: 'firewall', level: 'pass', text: 'check.firewall.system' };
  return settings?.netfilterMode === 0
    ? { id: 'firewall', level: 'warn', text: 'check.firewall.own' }
    : { id: 'firewall', level: 'pass', text: 'check.firewall.pass' };
}

function device(snapshot: Snapshot): Check {
  const warning = warned(snapshot, ['tun-device', 'router-failed']);
  if (warning !== undefined) return said('device', 'fail', warning);
  return snapshot.daemon.hasTun
    ? { id: 'device', level: 'pass', text: 'check.device.pass' }
    : { id: 'device', level: 'warn', text: 'check.device.none' };
}

const CONTROL_CODES = ['not-in-map-poll', 'login-state', 'tls-connection-failed'];
const DNS_CODES = [
  'dns-config-failed',
  'dns-read-os-config-failed',
  'dns-set-os-config-failed',
  'dns-forward-failing',
  'resolv-conf-overwritten',
  'dns-manager',
];

const warned = ({ warnings }: Snapshot, codes: readonly string[]): Warning | undefined =>
  warnings.find(({ code }) => codes.includes(code));

function control(snapshot: Snapshot): Check {
  const warning = warned(snapshot, CONTROL_CODES);
  if (warning !== undefined) return said('control', 'fail', warning);
  return snapshot.state === 'Running'
    ? { id: 'control', level: 'pass', text: 'check.control.pass' }
    : { id: 'control', level: 'unknown', text: 'check.control.unknown' };
}

function network(report: NetcheckReport | undefined): readonly Check[] {
  if (report === undefined) return [{ id: 'udp', level: 'unknown', text: 'check.netcheck.unknown' }];
  const preferred = report.regions.find(({ id }) => id === report.preferred);
  const isBlocked = !report.udp;
  return [
    preferred === undefined
      ? { id: 'relay', level: 'fail', text: 'check.relay.fail' }
      : {
          id: 'relay',
          level: 'pass',
          text: 'check.relay.pass',
          values: { name: preferred.name || preferred.code },
        },
    isBlocked
      ? { id: 'udp', level: 'fail', text: 'check.udp.fail' }
      : { id: 'udp', level: 'pass', text: 'check.udp.pass' },
    report.ipv6 === ''
      ? { id: 'ipv6', level: 'warn', text: 'check.ipv6.warn' }
      : { id: 'ipv6', level: 'pass', text: 'check.ipv6.pass' },
    report.portMapping.length === 0
      ? { id: 'portMapping', level: 'warn', text: 'check.portMapping.warn' }
      : {
          id: 'portMapping',
          level: 'pass',
          text: 'check.portMapping.pass',
          values: { kinds: report.portMapping.join(', ') },
        },
    nat(report),
    ...(report.captivePortal === null ? [] : [captive(report.captivePortal)]),
  ];
}

/** In words: can others reach us, can we reach others, or is it relays only. */
function nat({ udp, mappingVaries }: NetcheckReport): Check {
  if (!udp) return { id: 'nat', level: 'fail', text: 'check.nat.blocked' };
  if (mappingVaries === null) return { id: 'nat', level: 'unknown', text: 'check.nat.unknown' };
  return mappingVaries
    ? { id: 'nat', level: 'warn', text: 'check.nat.hard' }
    : { id: 'nat', level: 'pass', text: 'check.nat.easy' };
}

const captive = (isThere: boolean): Check =>
  isThere
    ? { id: 'captive', level: 'fail', text: 'check.captive.fail' }
    : { id: 'captive', level: 'pass', text: 'check.captive.pass' };

function dns(snapshot: Snapshot): Check {
  const warning = warned(snapshot, DNS_CODES);
  if (warning !== undefined) return said('dns', 'fail', warning);
  return snapshot.settings?.acceptDns === false
    ? { id: 'dns', level: 'warn', text: 'check.dns.off' }
    : { id: 'dns', level: 'pass', text: 'check.dns.pass' };
}

const DAY_MS = 86_400_000;

function key({ snapshot: { self }, nowMs }: Known): Check {
  if (self === undefined) return { id: 'key', level: 'unknown', text: 'check.key.unknown' };
  const { keyExpiryMs } = self;
  if (self.isExpired || (keyExpiryMs !== undefined && keyExpiryMs > 0 && keyExpiryMs <= nowMs))
    return { id: 'key', level: 'fail', text: 'check.key.fail' };
  if (keyExpiryMs === undefined || keyExpiryMs <= 0)
    return { id: 'key', level: 'pass', text: 'check.key.never' };
  const days = Math.floor((keyExpiryMs - nowMs) / DAY_MS);
  return { id: 'key', level: days < 1 ? 'warn' : 'pass', text: 'check.key.days', values: { count: days } };
}

function health({ warnings }: Snapshot): Check {
  const worst = warnings[0];
  if (worst === undefined) return { id: 'health', level: 'pass', text: 'check.health.pass' };
  return {
    id: 'health',
    level: warnings.some(({ impactsConnectivity, severity }) => impactsConnectivity || severity === 'high')
      ? 'fail'
      : 'warn',
    text: 'check.health.some',
    values: { count: warnings.length, first: warningWords(worst).title },
  };
}

function versions({ snapshot: { daemon, newVersion }, appVersion }: Known): Check {
  if (newVersion !== undefined)
    return {
      id: 'versions',
      level: 'warn',
      text: 'check.versions.newer',
      values: { version: newVersion.version },
    };
  return {
    id: 'versions',
    level: 'pass',
    text: 'check.versions.pass',
    values: { app: appVersion || '—', daemon: daemon.version || '—' },
  };
}
