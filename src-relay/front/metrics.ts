/** The front's part of the metrics page, under the official relay's names where it has them (nat-traversal.md §1.14). */
import type { BootstrapDns } from './bootstrap-dns.ts';
import type { RelayFront } from './front.ts';
import type { StunServer } from './stun-server.ts';
import type { UpgradeCounters } from './upgrade.ts';

export interface FrontMetrics {
  readonly front: RelayFront | undefined;
  readonly stun: StunServer | undefined;
  /** Of the routes on somebody else's server. */
  readonly shared: UpgradeCounters;
  readonly bootstrapDns: BootstrapDns;
}

export function frontMetrics({ front, stun, shared, bootstrapDns }: FrontMetrics): string {
  const own = front?.counters.upgrades;
  const sum = (key: keyof UpgradeCounters): number => shared[key] + (own?.[key] ?? 0);
  const lines = [
    ...counter('derper_upgrades', [
      ['kind="plain"', sum('upgrades')],
      ['kind="fast"', sum('fastStarts')],
      ['kind="websocket"', sum('websockets')],
    ]),
    ...counter('derp_websocket_accepts', [['', sum('websockets')]]),
    ...counter('counter_bootstrap_dns_requests', [['', bootstrapDns.requests]]),
    ...counter('tls_listener_counter_accepted_connections', [['', front?.counters.accepted ?? 0]]),
    ...counter('tls_listener_counter_rejected_connections', [['', front?.counters.rejected ?? 0]]),
    ...counter('derper_tls_failures', [['', front?.counters.tlsFailures ?? 0]]),
    ...counter('derper_tls_request_version', labelled('version', front?.counters.tlsVersions)),
    ...counter('stun_counter_requests', labelled('disposition', stun?.counters.requests)),
    ...counter('stun_counter_addrfamily', labelled('family', stun?.counters.families)),
  ];
  return `${lines.join('\n')}\n`;
}

type Sample = readonly [labels: string, value: number];

const labelled = (name: string, values: ReadonlyMap<string, number> | undefined): readonly Sample[] =>
  [...(values ?? [])].map(([label, value]) => [`${name}="${label.replace(/[^A-Za-z0-9_.]/g, '_')}"`, value]);

const counter = (name: string, samples: readonly Sample[]): readonly string[] =>
  samples.length === 0
    ? []
    : [
        `# TYPE ${name} counter`,
        ...samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`),
      ];
