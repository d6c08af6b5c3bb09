/** A packet capture on a host's link, by tcpdump, which can be asked what it saw. */
import { join } from 'node:path';
import { exec } from './exec.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';

export interface Capture extends AsyncDisposable {
  readonly file: string;
  /** Ends the capture and gives the packets that match, one a line. */
  packets(filter?: string): Promise<string[]>;
}

export async function capture(host: Host, filter: string, name = 'capture'): Promise<Capture> {
  const file = join(host.folder, `${name}.pcap`);
  const link = host.links[0]?.name ?? 'any';
  // Unbuffered and without name look-ups: what was on the wire when we stop is in the file.
  const argv = ['tcpdump', '-n', '-U', '--immediate-mode', '-i', link, '-w', file, '-Z', 'root', filter];
  const child: LabProcess = host.spawn({ name, argv });
  await child.says(/listening on/);
  return {
    file,
    packets: async (only = '') => {
      await child.stop();
      const { stdout } = await exec(['tcpdump', '-n', '-r', file, only]);
      return stdout.split('\n').filter((line) => line !== '');
    },
    [Symbol.asyncDispose]: async () => {
      await child.stop();
    },
  };
}
