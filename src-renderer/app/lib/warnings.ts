/** Health warnings in the user's language, and where something can be done about each (desktop.md §8); unknown ones as they are sent. */
import type { Warning } from '#shared/ui-state/types.ts';
import { type Key, t } from '../i18n/text.ts';
import { cut } from './foreign.tsx';

interface Known {
  readonly title: Key;
  /** Where it can be mended, or looked at more closely. */
  readonly path: string;
  /** Of the button that leads there. */
  readonly action: Key;
}

const known = (title: Key, path: string, action: Key = 'warning.look'): Known => ({ title, path, action });

const NETCHECK = '/diagnostics/netcheck';
const DNS = '/diagnostics/dns';

/** What the server itself names (control messages) has its own words and is not here. */
const KNOWN: Readonly<Record<string, Known>> = {
  'network-status': known('warning.network', NETCHECK),
  'not-in-map-poll': known('warning.outOfSync', '/diagnostics'),
  'mapresponse-timeout': known('warning.silent', '/diagnostics'),
  'no-derp-home': known('warning.noRelay', NETCHECK),
  'no-derp-connection': known('warning.relayLost', NETCHECK),
  'derp-timed-out': known('warning.relayLost', NETCHECK),
  'derp-region-error': known('warning.relayLost', NETCHECK),
  'no-udp4-bind': known('warning.noUdp', NETCHECK),
  'tls-connection-failed': known('warning.tls', '/diagnostics'),
  'captive-portal-detected': known('warning.captive', NETCHECK),
  'ip-forwarding-off': known('warning.forwarding', '/settings/routes', 'warning.fix'),
  'router-failed': known('warning.router', '/diagnostics/logs'),
  'firewall-failed': known('warning.firewall', '/diagnostics/logs'),
  'docker-stateful-filtering': known('warning.docker', '/diagnostics/logs'),
  'state-store-health': known('warning.store', '/diagnostics/logs'),
  'dns-read-os-config-failed': known('warning.dnsRead', DNS),
  'dns-set-os-config-failed': known('warning.dnsSet', DNS),
  'dns-forward-failing': known('warning.dnsForward', DNS),
  'resolv-conf-overwritten': known('warning.resolvConf', DNS),
  'dns-manager': known('warning.dnsManager', DNS),
  'exit-node-closed': known('warning.exitClosed', '/exit-node', 'warning.fix'),
  'exit-node-unguarded': known('warning.exitUnguarded', '/settings/advanced/netfilter', 'warning.fix'),
  'nosnat-with-advertised-exit-node': known('warning.noSnat', '/settings/routing/snat', 'warning.fix'),
  'sync-disabled': known('warning.noSync', '/diagnostics'),
  'invalid-packet-filter': known('warning.filter', '/diagnostics'),
  'tun-device': known('warning.tun', '/diagnostics/logs'),
  'update-available': known('warning.update', '/settings/updates', 'warning.see'),
  'security-update-available': known('warning.securityUpdate', '/settings/updates', 'warning.see'),
  'is-using-unstable-version': known('warning.unstable', '/settings/about'),
  'magicsock-receive-func-error': known('warning.internal', '/diagnostics/report', 'warning.report'),
  'apply-disk-config': known('warning.internal', '/diagnostics/report', 'warning.report'),
  'local-log-config-error': known('warning.internal', '/diagnostics/report', 'warning.report'),
};

export interface WarningWords {
  readonly title: string;
  /** The service's own words, which name what failed; '' when there is no more to say. */
  readonly text: string;
  readonly path: string;
  readonly action: string;
}

export function warningWords({ code, title, text }: Pick<Warning, 'code' | 'title' | 'text'>): WarningWords {
  const one = Object.hasOwn(KNOWN, code) ? KNOWN[code] : undefined;
  const said = one === undefined ? cut(title === '' ? code : title, 100) : t(one.title);
  return {
    title: said,
    text: text === '' || text === title || text === said ? '' : cut(text, 400),
    path: one?.path ?? '/diagnostics',
    action: t(one?.action ?? 'warning.look'),
  };
}
