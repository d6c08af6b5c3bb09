/** UDP datagrams at a rate between two hosts of the lab: how many arrive, and what the programs in between spend on them. */
import { join } from 'node:path';
import { z } from 'zod';
import { ROOT } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import type { Link } from './contestants.ts';
import { cpuSeconds } from './process-cost.ts';

const PROGRAM = join(ROOT, 'e2e/lab/programs/udp-load.ts');
const PORT = 5_300;

const report = z.object({ datagrams: z.number(), seconds: z.number() });

export interface Load {
  readonly size: number;
  /** Datagrams a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** Datagrams that nobody asked for. */
export interface Flood extends Load {
  readonly to: string;
  readonly port: number;
  /** Hexadecimal. */
  readonly beginning: string;
}

export interface Delivered {
  readonly offeredPerS: number;
  readonly deliveredPerS: number;
  /** Processors that the link's programs kept busy. */
  readonly daemonCpus: number;
}

const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];

export async function flood(from: Host, load: Flood): Promise<{ readonly offeredPerS: number }> {
  const words = [load.port, load.size, load.rate, load.seconds].map(String);
  const { stdout } = await from.exec([...NODE, 'send', load.to, ...words, load.beginning]);
  const sent = report.parse(JSON.parse(stdout));
  return { offeredPerS: sent.datagrams / sent.seconds };
}

export async function udpLoad(link: Link, load: Load): Promise<Delivered> {
  await using receiver = link.to.spawn({ name: 'udp-load', argv: [...NODE, 'receive', `${PORT}`] });
  await receiver.says(/^ready$/m);
  const ofDaemons = (): number => link.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = ofDaemons();
  const words = [PORT, load.size, load.rate, load.seconds].map(String);
  const { stdout } = await link.from.exec([...NODE, 'send', link.far, ...words]);
  await receiver.ended();
  const daemons = ofDaemons() - before;
  const sent = report.parse(JSON.parse(stdout));
  const received = report.parse(JSON.parse(receiver.tail(1)));
  return {
    offeredPerS: sent.datagrams / sent.seconds,
    deliveredPerS: received.datagrams / sent.seconds,
    daemonCpus: daemons / sent.seconds,
  };
}
