/** A large TCP transfer between two hosts of the lab, compared byte for byte. */
import { join } from 'node:path';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { must, until } from './wait.ts';

export interface Transfer {
  readonly bytes: number;
  /** Pieces that were not what was sent. */
  readonly wrong: number;
  /** The longest time in which nothing left the sender. */
  readonly longestGapMs: number;
  readonly seconds: number;
}

export interface CheckedStream {
  /** Bytes so far, and the longest gap so far; fails when the connection is broken. */
  progress(): { readonly bytes: number; readonly longestGapMs: number };
  /** Waits for the end of the transfer; fails when it breaks. */
  end(timeoutMs: number): Promise<Transfer>;
}

export interface CheckedStreamOptions {
  readonly from: Host;
  readonly to: Host;
  readonly address: string;
  readonly bytes: number;
  /** Bytes a second at most. */
  readonly rate: number;
}

const PROGRAM = join(import.meta.dirname, 'programs/checked-stream.ts');
const PORT = 5_202;
const servers = new WeakMap<Host, Promise<LabProcess>>();

async function serve(host: Host): Promise<LabProcess> {
  const child = host.spawn({ name: 'checked server', argv: [process.execPath, PROGRAM, 'serve', `${PORT}`] });
  await child.says(/^ready$/m);
  return child;
}

export async function openCheckedStream(options: CheckedStreamOptions): Promise<CheckedStream> {
  const { from, to, address, bytes, rate } = options;
  const serving = servers.get(to) ?? serve(to);
  servers.set(to, serving);
  await serving;
  const argv = [process.execPath, PROGRAM, 'send', address, `${PORT}`, `${bytes}`, `${rate}`];
  const child = from.spawn({ name: `checked stream to ${to.name}`, argv });
  const broken = (): string | undefined => /^broken (.*)$/m.exec(child.output)?.[1];
  const mustLive = (): void =>
    must(broken() === undefined, `the transfer from ${from.name} to ${to.name} broke: ${broken()}`);
  return {
    progress: () => {
      mustLive();
      const [at = 0, longestGapMs = 0] = /^(\d+) (\d+)$/.exec(child.tail(1))?.slice(1).map(Number) ?? [];
      return { bytes: at, longestGapMs };
    },
    end: async (timeoutMs) => {
      const line = await until(
        `the transfer from ${from.name} to ${to.name} to end`,
        () => broken() ?? /^done (.*)$/m.exec(child.output)?.[1],
        { timeoutMs, everyMs: 200 },
      );
      mustLive();
      const [count = 0, wrong = 0, longestGapMs = 0, seconds = 0] = line.split(' ').map(Number);
      return { bytes: count, wrong, longestGapMs, seconds };
    },
  };
}
