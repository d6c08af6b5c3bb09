/** Our engine as a plain WireGuard peer in a host of the lab. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './figures.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { must } from './wait.ts';
import { type WgReport, wgReport } from './wg-config.ts';
import type { WireGuardOptions } from './wireguard-go.ts';

const PROGRAM = join(ROOT, 'e2e/lab/programs/wg-peer.ts');

export interface WgPeer {
  readonly process: LabProcess;
  /** What it last said of its peers. */
  report(): WgReport;
}

export async function startWgPeer(
  host: Host,
  options: WireGuardOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<WgPeer> {
  const file = join(host.folder, 'wg-peer.json');
  const { keys, mtu = 1_420, ...rest } = options;
  const config = { ...rest, tun: 'rhumb0', mtu, privateKey: keys.privateKey };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, file];
  const child = host.spawn({ name: 'wg-peer', argv, env });
  await child.says(/^ready$/m);
  return {
    process: child,
    report: () => {
      const line = child.output.split('\n').findLast((one) => one.startsWith('{"peers"'));
      must(line !== undefined, 'wg-peer has said something about its peers');
      return wgReport.parse(JSON.parse(line));
    },
  };
}
