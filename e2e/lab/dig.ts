/** Asks for names with BIND's `dig`, as a host of the lab. */
import type { Host } from './host.ts';
import { must } from './wait.ts';

export interface Dug {
  /** `NOERROR`, `NXDOMAIN`, … */
  readonly status: string;
  /** Data of the answer section, one record each. */
  readonly data: readonly string[];
  /** Types of the authority section. */
  readonly authority: readonly string[];
  readonly flags: readonly string[];
  /** Of the EDNS record of the answer; undefined = it has none. */
  readonly udpSize: number | undefined;
  readonly ms: number;
  readonly bytes: number;
}

/** `args` as dig takes them: `name type +tcp …`; no second try unless they say so. */
export async function dig(host: Host, ...args: readonly string[]): Promise<Dug> {
  const argv = ['dig', '@100.100.100.100', '+tries=1', '+time=12', '+ignore', ...args];
  const { stdout } = await host.exec(argv, { mayFail: true });
  const status = /status: (\w+)/.exec(stdout)?.[1];
  must(status !== undefined, `dig ${args.join(' ')} on ${host.name} hears nothing: ${stdout}`);
  const section = (name: string): readonly string[][] =>
    (new RegExp(`;; ${name} SECTION:\\n((?:[^\\n;]+\\n)+)`).exec(stdout)?.[1] ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(/\s+/));
  const udpSize = /udp: (\d+)/.exec(stdout)?.[1];
  return {
    status,
    data: section('ANSWER').map((words) => words.slice(4).join(' ')),
    authority: section('AUTHORITY').map((words) => words[3] ?? ''),
    flags: (/flags: ([\w ]+);/.exec(stdout)?.[1] ?? '').split(' '),
    udpSize: udpSize === undefined ? undefined : Number(udpSize),
    ms: Number(/Query time: (\d+)/.exec(stdout)?.[1] ?? 0),
    bytes: Number(/rcvd: (\d+)/.exec(stdout)?.[1] ?? 0),
  };
}
