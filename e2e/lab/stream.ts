/** A TCP transfer between two hosts of the lab that goes on while something happens to their path. */
import { join } from 'node:path';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { must, until } from './wait.ts';

export interface Stream extends AsyncDisposable {
  /** Waits until `count` more pieces have come back; fails when the connection breaks. */
  more(count: number, timeoutMs?: number): Promise<void>;
  /** What the kernel said when the connection broke; undefined while it lives. */
  broken(): string | undefined;
  /** The longest time without anything coming back, ms. */
  longestGapMs(): number;
}

const PROGRAM = join(import.meta.dirname, 'programs/tcp-stream.ts');
const PORT = 5_201;
const servers = new WeakMap<Host, Promise<LabProcess>>();

async function serve(host: Host): Promise<LabProcess> {
  const argv = [process.execPath, PROGRAM, 'serve', `${PORT}`];
  const child = host.spawn({ name: 'tcp-server', argv });
  await child.says(/^ready$/m);
  return child;
}

/** Opens a connection to `to`'s `address` and moves data both ways until disposed. */
export async function openStream(from: Host, to: Host, address: string): Promise<Stream> {
  const serving = servers.get(to) ?? serve(to);
  servers.set(to, serving);
  await serving;
  const argv = [process.execPath, PROGRAM, 'to', address, `${PORT}`];
  const child = from.spawn({ name: `tcp to ${to.name}`, argv });
  const last = (): RegExpExecArray | null => /^(\d+) (\d+)\n$/m.exec(child.tail(1).concat('\n'));
  const pieces = (): number => Number(last()?.[1] ?? 0);
  const broken = (): string | undefined => /^broken (.*)$/m.exec(child.output)?.[1];
  return {
    more: async (count, timeoutMs = 15_000) => {
      const wanted = pieces() + count;
      await until(`${count} more pieces to come back from ${to.name}`, () => broken() ?? pieces() >= wanted, {
        timeoutMs,
      });
      must(broken() === undefined, `the connection from ${from.name} to ${to.name} broke: ${broken()}`);
    },
    broken,
    longestGapMs: () => Number(last()?.[2] ?? 0),
    [Symbol.asyncDispose]: async () => {
      await child.kill();
    },
  };
}
