/** What a probe of a NAT found, in the words of RFC 4787, and how it is found in the lab. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Host } from './host.ts';
import type { Internet } from './internet.ts';

/** What a mirror says. */
export const seen = z.object({ id: z.string(), from: z.int(), ip: z.string(), port: z.int() });
export type Seen = z.infer<typeof seen>;

const classified = z.object({
  /** One outer port; one per address; one per address and port; or no UDP passes. */
  mapping: z.enum(['EIM', 'ADM', 'APDM', 'none']),
  filtering: z.enum(['EIF', 'ADF', 'APDF', 'none']),
  /** The address outside. */
  address: z.string().optional(),
  /** In the order of the questions. */
  ports: z.array(z.int()),
  keepsPort: z.boolean(),
  /** The source that a packet has which went through the outer address; undefined when it is lost. */
  hairpinFrom: z.string().optional(),
});
export type NatClass = z.infer<typeof classified>;

interface Found {
  /** Address 1 port 1, address 1 port 2, address 2 port 1. */
  readonly seen: readonly Seen[];
  readonly localPort: number;
  /** Whether an answer from another port, or another address, came through. */
  readonly fromPort: boolean;
  readonly fromAddress: boolean;
  readonly looped: string | undefined;
}

export function natClass({ seen: answers, localPort, fromPort, fromAddress, looped }: Found): NatClass {
  const ports = answers.map(({ port }) => port);
  const [first, second, third] = ports;
  if (first === undefined || second === undefined || third === undefined)
    return { mapping: 'none', filtering: 'none', ports, keepsPort: false };
  const mapping = first !== second ? 'APDM' : first === third ? 'EIM' : 'ADM';
  return {
    mapping,
    filtering: fromAddress ? 'EIF' : fromPort ? 'ADF' : 'APDF',
    address: answers[0]?.ip,
    ports,
    keepsPort: first === localPort,
    hairpinFrom: looped,
  };
}

const PORTS = ['7001', '7002'] as const;
const PROBE_MS = 20_000;

/** Starts the mirrors on the server host; those of both families. */
export async function startMirrors(net: Internet): Promise<void> {
  const argv = (addresses: readonly [string, string, string]): string[] => [
    process.execPath,
    join(import.meta.dirname, 'programs/udp-mirror.ts'),
    ...[addresses[0], PORTS[0], addresses[0], PORTS[1], addresses[1], PORTS[0], addresses[2], PORTS[0]],
  ];
  for (const addresses of [net.serverV4, net.serverV6]) {
    const child = net.server.spawn({ name: 'udp-mirror', argv: argv(addresses) });
    await child.says(/^ready$/m);
  }
}

export async function classify(net: Internet, host: Host, family: 4 | 6): Promise<NatClass> {
  const program = join(import.meta.dirname, 'programs/nat-probe.ts');
  const servers = family === 4 ? net.serverV4 : net.serverV6;
  const argv = [process.execPath, program, ...servers, ...PORTS];
  const { stdout } = await host.exec(argv, { timeoutMs: PROBE_MS });
  return classified.parse(JSON.parse(stdout));
}

const punched = z.object({ direct: z.boolean(), from: z.string().optional() });

/** Whether two hosts reach each other when both try, without our programs. */
export async function punch(net: Internet, a: Host, b: Host, family: 4 | 6 = 4): Promise<boolean> {
  const program = join(import.meta.dirname, 'programs/punch.ts');
  const [server] = family === 4 ? net.serverV4 : net.serverV6;
  const argv = [process.execPath, program, server, PORTS[0], `${a.name}-${b.name}`];
  const both = await Promise.all([a, b].map((host) => host.exec(argv, { timeoutMs: PROBE_MS })));
  return both.every(({ stdout }) => punched.parse(JSON.parse(stdout)).direct);
}
