/** One pair of the NAT matrix: which path it reaches and how fast, what is lost on the way, and what a dead path costs. */
import { toRhumbError } from '#shared/errors.ts';
import type { PeerStatus } from '#shared/localapi/status.ts';
import type { ExecOptions, ExecResult } from './exec.ts';
import type { Host } from './host.ts';
import { Internet } from './internet.ts';
import type { Expected } from './nat-table.ts';
import { openStream, type Stream } from './stream.ts';
import { type Traffic, traffic } from './traffic.ts';
import { clock, must, until } from './wait.ts';

/** A machine of the private network, whoever's program it runs. */
export interface Member {
  readonly host: Host;
  addresses(): Promise<readonly [v4: string, v6: string]>;
  /** A peer as its status shows it now. */
  peerNow(name: string): Promise<PeerStatus | undefined>;
  /** Its command line. */
  cli(args: readonly string[], options: ExecOptions): Promise<ExecResult>;
}

export type PathKind = 'direct' | 'relay' | 'none';

export interface TrialResult {
  readonly a: string;
  readonly b: string;
  readonly expected: Expected;
  readonly path: PathKind;
  /** How long the first packet's reply took. */
  readonly firstMs?: number;
  /** From the first packet until both ends use the direct path. */
  readonly toDirectMs?: number;
  readonly lost: number;
  /** The longest silence after the direct path died. */
  readonly failoverMs?: number;
  /** The same as a TCP connection saw it, which waits for its own timers. */
  readonly tcpGapMs?: number;
  /** From the moment the direct path could be had again until both ends use it. */
  readonly recoveryMs?: number;
  /** What did not hold, in words. */
  readonly problems: readonly string[];
}

export interface TrialOptions {
  readonly expected: Expected;
  /** Lets the direct path die under a TCP transfer and come back. */
  readonly withFailover: boolean;
  /** How long a direct path may take; design.md §6 wants 1 s, slower ones are still told apart from none. */
  readonly directMs?: number;
  /** What else should hold once the path is reached; throws when it does not. */
  after?(a: Member, b: Member, path: PathKind): Promise<void>;
}

const DIRECT_MS = 20_000;
/** How long to look whether a pair that needs luck has it, and one that must not is on its relay. */
const GUESS_MS = 15_000;
const SETTLE_MS = 1_500;
const FAILOVER_MS = 20_000;
/** Trust in a path lasts 6.5 s after its last pong (nat-traversal.md §8). */
const NOTICE_MS = 10_000;
const RECOVERY_MS = 70_000;
const POLL_MS = 40;

export async function tryPair(a: Member, b: Member, options: TrialOptions): Promise<TrialResult> {
  const { expected, withFailover, directMs = DIRECT_MS } = options;
  const problems: string[] = [];
  const found: { -readonly [Key in keyof TrialResult]?: TrialResult[Key] } = {};
  let lost = 0;
  let path: PathKind = 'none';
  try {
    const [address] = await b.addresses();
    await using packets = traffic(a.host, address);
    const first = await firstReply(packets, problems);
    found.firstMs = first.tookMs;
    const waitMs = { direct: directMs, either: GUESS_MS, relay: SETTLE_MS }[expected];
    const directAtMs = await directAt(a, b, waitMs);
    path = directAtMs === undefined ? await pathOf(a, b) : 'direct';
    if (directAtMs !== undefined) found.toDirectMs = Math.max(0, directAtMs - first.sentAtMs);
    if (expected !== 'either' && path !== expected) problems.push(`is ${path}`);
    await packets.more(5);
    lost = packets.lost();
    if (lost > 0) problems.push(`lost ${lost} packets on the way to its path`);
    if (packets.sawDuplicate()) problems.push('saw a packet twice');
    await options.after?.(a, b, path);
    if (withFailover && path === 'direct')
      Object.assign(
        found,
        await failover(a, b, { address, packets, problems, byTheBook: expected === 'direct' }),
      );
  } catch (error) {
    problems.push(toRhumbError(error).message);
  }
  return { ...found, a: a.host.name, b: b.host.name, expected, path, lost, problems };
}

async function firstReply(
  packets: Traffic,
  problems: string[],
): Promise<{ readonly sentAtMs: number; readonly tookMs: number }> {
  await packets.more(1, 20_000);
  const first = await until('the very first packet to be answered', () => packets.first(), {
    timeoutMs: 3_000,
  }).catch(() => undefined);
  if (first !== undefined) return first;
  problems.push('lost the first packet');
  return { sentAtMs: clock.now(), tookMs: Number.NaN };
}

const kindOf = (peer: PeerStatus | undefined): PathKind =>
  peer === undefined ? 'none' : peer.CurAddr !== '' ? 'direct' : peer.Relay === '' ? 'none' : 'relay';

async function pathOf(a: Member, b: Member): Promise<PathKind> {
  const kinds = [kindOf(await a.peerNow(b.host.name)), kindOf(await b.peerNow(a.host.name))];
  return kinds.find((kind) => kind !== 'direct') ?? 'direct';
}

/** When both ends have a direct path; undefined when that takes too long. */
async function directAt(a: Member, b: Member, timeoutMs: number): Promise<number | undefined> {
  const isDirect = async (): Promise<number | undefined> =>
    (await pathOf(a, b)) === 'direct' ? clock.now() : undefined;
  return await until('a direct path', isDirect, { timeoutMs, everyMs: POLL_MS }).catch(() => undefined);
}

interface Transfer {
  readonly address: string;
  readonly packets: Traffic;
  readonly problems: string[];
  /** A direct path needs no luck. */
  readonly byTheBook: boolean;
}

async function failover(
  a: Member,
  b: Member,
  { address, packets, problems, byTheBook }: Transfer,
): Promise<Partial<TrialResult>> {
  await using stream = await openStream(a.host, b.host, address);
  await stream.more(20);
  const mend = await cut(a.host, b.host);
  const cutAtMs = clock.now();
  try {
    const backAtMs = await until(
      'packets to flow after the direct path died',
      () => packets.firstAfter(cutAtMs),
      {
        timeoutMs: FAILOVER_MS,
      },
    );
    await stillFlows(stream, packets, problems);
    const failoverMs = backAtMs - cutAtMs;
    await until('both ends to call the dead path dead', async () => (await pathOf(a, b)) !== 'direct', {
      timeoutMs: NOTICE_MS,
    });
    await mend();
    const mendedAtMs = clock.now();
    const directAgainMs = await directAt(a, b, byTheBook ? RECOVERY_MS : GUESS_MS);
    // What luck gave once it need not give again.
    if (directAgainMs === undefined && byTheBook) problems.push('did not find back to the direct path');
    await stillFlows(stream, packets, problems);
    return {
      failoverMs,
      tcpGapMs: stream.longestGapMs(),
      ...(directAgainMs === undefined ? {} : { recoveryMs: directAgainMs - mendedAtMs }),
    };
  } finally {
    await mend();
  }
}

async function stillFlows(stream: Stream, packets: Traffic, problems: string[]): Promise<void> {
  await packets.more(10);
  await stream.more(20, 30_000);
  const broken = stream.broken();
  if (broken !== undefined) problems.push(`the TCP connection broke: ${broken}`);
}

/**
 * Lets no UDP come in at either host but from the servers, without a word to the senders: the direct path dies, whatever
 * it was, and relays and STUN live. The returned function takes it back; it may be called again.
 */
export async function cut(...hosts: readonly Host[]): Promise<() => Promise<void>> {
  const { v4, v6 } = Internet.serverRanges;
  const rules = `
add table inet cut
delete table inet cut
table inet cut {
  chain arriving {
    type filter hook prerouting priority raw;
    iifname "eth0" meta l4proto udp ip saddr != { ${v4} } drop
    iifname "eth0" meta l4proto udp ip6 saddr != { ${v6} } drop
  }
}
`;
  await Promise.all(hosts.map((host) => host.exec(['nft', '-f', '-'], { input: rules })));
  let isCut = true;
  return async () => {
    if (!isCut) return;
    isCut = false;
    const clear = ['nft', 'delete', 'table', 'inet', 'cut'];
    await Promise.all(hosts.map((host) => host.exec(clear)));
  };
}

export function mustHold(results: readonly TrialResult[]): void {
  const bad = results.filter(({ problems }) => problems.length > 0);
  const words = bad.map(({ a, b, problems }) => `${a} and ${b}: ${problems.join(', ')}`);
  must(bad.length === 0, `${bad.length} of ${results.length} pairs do not hold:\n${words.join('\n')}`);
}
