/**
 * A plain WireGuard peer made of our engine: what talks to other people's WireGuard in the lab.
 *
 *   node wg-peer.ts CONFIG.json     says `ready`, then what it knows of its peers once a second, until SIGTERM
 *
 * From SIGUSR2 on the network may not cut up its datagrams.
 */
import { readFileSync } from 'node:fs';
import { wgConfig } from '../wg-config.ts';
import { startWgEngine, told } from '../wg-engine.ts';

const REPORT_MS = 1_000;

const config = wgConfig.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
await using peer = await startWgEngine(config, 'wg-peer');
console.log('ready');

const report = (): void => {
  const activity = new Map(peer.engine.peers().map((one) => [one.peer, one]));
  const peers = config.peers.map((_, n) => ({
    lastHandshakeAt: peer.tunnel.peerStatus(n + 1)?.lastHandshakeAt,
    rxBytes: activity.get(n + 1)?.rxBytes ?? 0,
    txBytes: activity.get(n + 1)?.txBytes ?? 0,
  }));
  const stats = Object.fromEntries(
    Object.entries(peer.engine.stats()).map(([name, value]) => [name, Number(value)]),
  );
  console.log(JSON.stringify({ peers, stats }));
};
process.on('SIGUSR2', () => peer.engine.apply([{ op: 'bind', port: config.port, dontFragment: true }]));
const timer = setInterval(report, REPORT_MS);
await told();
clearInterval(timer);
