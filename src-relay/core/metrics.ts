/** The relay's figures as Prometheus text, under the names that dashboards for the official relay know (nat-traversal.md §1.14). */
import { type Counters, DROP_LABELS, type Histogram } from './counters.ts';

export interface RelayStats {
  readonly connections: number;
  readonly homes: number;
  readonly notIdeal: number;
  /** Keys in the region, here or at other relays. */
  readonly peersTotal: number;
  readonly peersLocal: number;
  readonly clonedKeys: number;
  readonly cloneConns: number;
  readonly watchers: number;
  readonly meshLinks: number;
  readonly handshaking: number;
  readonly rate: { readonly bytesPerS: number; readonly burstBytes: number } | undefined;
  readonly counters: Counters;
}

type Row = readonly [name: string, value: number];

export function metricsText(stats: RelayStats): string {
  const { counters: c } = stats;
  const lines: string[] = [];
  for (const [name, value] of gauges(stats)) lines.push(`# TYPE derp_${name} gauge`, `derp_${name} ${value}`);
  for (const [name, value] of totals(c)) lines.push(`# TYPE derp_${name} counter`, `derp_${name} ${value}`);
  labelled(lines, 'derp_packets_received_kind', [
    ['kind="disco"', c.packetsReceivedDisco],
    ['kind="other"', c.packetsReceived - c.packetsReceivedDisco],
  ]);
  labelled(lines, 'derp_packets_dropped', drops(c.droppedPackets));
  labelled(lines, 'derp_bytes_dropped', drops(c.droppedBytes));
  labelled(
    lines,
    'derp_connections_refused',
    Object.entries(c.refused).map(([reason, count]) => [`reason="${reason}"`, count]),
  );
  // Not a histogram of Prometheus: the official relay counts each value in its own bucket alone.
  const { bounds, counts } = c.rttMs;
  labelled(
    lines,
    'derp_tcp_rtt',
    counts.map((count, i) => [`le="${bounds[i] === undefined ? 'inf' : `${bounds[i]}ms`}"`, count]),
  );
  histogram(lines, 'derp_buffered_write_frames', c.writeFrames);
  histogram(lines, 'derp_mesh_update_batch_size', c.meshBatch);
  return `${lines.join('\n')}\n`;
}

const gauges = (stats: RelayStats): readonly Row[] => [
  ['current_connections', stats.connections],
  ['current_home_connections', stats.homes],
  ['current_notideal_connections', stats.notIdeal],
  ['clients_total', stats.peersTotal],
  ['clients_local', stats.peersLocal],
  ['clients_remote', stats.peersTotal - stats.peersLocal],
  ['current_dup_client_keys', stats.clonedKeys],
  ['current_dup_client_conns', stats.cloneConns],
  ['watchers', stats.watchers],
  ['mesh_links', stats.meshLinks],
  ['handshaking_connections', stats.handshaking],
  ['average_queue_duration_ms', stats.counters.averageQueueMs],
  ['rate_limit_per_client_bytes_per_second', stats.rate?.bytesPerS ?? 0],
  ['rate_limit_per_client_burst_bytes', stats.rate?.burstBytes ?? 0],
];

const totals = (c: Counters): readonly Row[] => [
  ['accepts', c.accepts],
  ['websocket_accepts', c.websocketAccepts],
  ['bytes_received', c.bytesReceived],
  ['bytes_sent', c.bytesSent],
  ['packets_received', c.packetsReceived],
  ['packets_sent', c.packetsSent],
  ['packets_forwarded_in', c.packetsForwardedIn],
  ['packets_forwarded_out', c.packetsForwardedOut],
  ['total_dup_client_conns', c.dupClientConnsTotal],
  ['unknown_frames', c.unknownFrames],
  ['home_moves_in', c.homeMovesIn],
  ['home_moves_out', c.homeMovesOut],
  ['got_ping', c.gotPing],
  ['sent_pong', c.sentPong],
  ['peer_gone_disconnected_frames', c.peerGoneDisconnectedFrames],
  ['peer_gone_not_here_frames', c.peerGoneNotHereFrames],
  ['multiforwarder_created', c.multiForwarderCreated],
  ['multiforwarder_deleted', c.multiForwarderDeleted],
  ['sclient_write_timeouts', c.writeTimeouts],
  ['rate_limit_per_client_waited', c.rateLimitWaited],
];

function drops(counts: readonly number[]): readonly Row[] {
  const rows: Row[] = [];
  for (const [i, reason] of DROP_LABELS.entries())
    for (const [j, kind] of ['disco', 'other'].entries())
      rows.push([`reason="${reason}",kind="${kind}"`, counts[2 * i + j] ?? 0]);
  return rows;
}

function labelled(lines: string[], name: string, rows: readonly Row[]): void {
  lines.push(`# TYPE ${name} counter`);
  for (const [labels, value] of rows) lines.push(`${name}{${labels}} ${value}`);
}

function cumulative({ bounds, counts }: Histogram): Row[] {
  let total = 0;
  return counts.map((count, i) => {
    total += count;
    return [`le="${bounds[i] ?? '+Inf'}"`, total];
  });
}

function histogram(lines: string[], name: string, values: Histogram): void {
  const rows = cumulative(values);
  lines.push(`# TYPE ${name} histogram`);
  for (const [labels, value] of rows) lines.push(`${name}_bucket{${labels}} ${value}`);
  lines.push(`${name}_sum ${values.sum}`, `${name}_count ${rows.at(-1)?.[1] ?? 0}`);
}
