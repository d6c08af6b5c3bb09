/** The Internet sockets of the daemon in a host, and which of them could be caught by a tunnel's routes. */
import type { Host } from './host.ts';
import { clock } from './wait.ts';

export interface OwnSocket {
  /** `udp 0.0.0.0:41641 -> 0.0.0.0:*` */
  readonly text: string;
  readonly isMarked: boolean;
}

export const MARK = '0x80000';
/** What the kernel calls a program in Node: the name of its first thread. */
const NODE = /"(?:MainThread|node)"/;
const EVERY_MS = 15;
const LOOPBACK = /^(127\.|\[::1\])/;
/** Ours in the network: what listens there serves peers, what comes from there goes through the tunnel. */
const INNER = /^(100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[fd7a:115c:a1e0:)/;

/** As `ss` knows them now. */
export async function ownSockets(host: Host): Promise<readonly OwnSocket[]> {
  const { stdout } = await host.exec(['ss', '-tuwanepH']);
  return stdout
    .split('\n')
    .filter((line) => NODE.test(line))
    .flatMap((line) => {
      const [protocol = '', , , , local = '', remote = ''] = line.trim().split(/\s+/);
      const isInside = [local, remote].some(
        (end) => LOOPBACK.test(end) || INNER.test(end.replace(/%[^:\]]*/, '')),
      );
      return isInside
        ? []
        : [{ text: `${protocol} ${local} -> ${remote}`, isMarked: line.includes(`fwmark:${MARK}`) }];
    });
}

/** Looks again and again, because most sockets live for a moment. */
export async function watchSockets(
  host: Host,
  signal: AbortSignal,
): Promise<{ readonly marked: ReadonlySet<string>; readonly unmarked: ReadonlySet<string> }> {
  const marked = new Set<string>();
  const unmarked = new Set<string>();
  while (!signal.aborted) {
    for (const { text, isMarked } of await ownSockets(host)) (isMarked ? marked : unmarked).add(text);
    await clock.sleep(EVERY_MS, signal).catch(() => undefined); // told to stop
  }
  return { marked, unmarked };
}
