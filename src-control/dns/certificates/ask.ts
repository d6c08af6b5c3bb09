/** One message to a DNS server and its answer, over TCP; and whether a server knows a TXT record. */
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import packet from 'dns-packet';
import { RhumbError } from '#shared/errors.ts';

const LOOK_MS = 5_000;
const MAX_SERVERS = 16;

export interface Server {
  readonly host: string;
  readonly port: number;
}

export function askTcp(server: Server, message: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  const where = `${server.host} port ${server.port}`;
  return new Promise((resolve, reject) => {
    const socket = connect(server);
    let held = Buffer.alloc(0);
    const end = (finish: () => void): void => {
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      finish();
    };
    const fail = (why: string, cause?: unknown): void =>
      end(() =>
        reject(new RhumbError('unavailable', `the DNS server ${where} does not answer: ${why}`, { cause })),
      );
    const aborted = (): void => fail('it took too long', signal.reason);
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    socket.once('error', (error) => fail(error.message, error));
    socket.once('close', () => fail('it closed the connection'));
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return;
      const reply = held.subarray(2, 2 + held.readUInt16BE(0));
      end(() => resolve(reply));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}

/** The values of a name's TXT records as `server` has them; empty also where there is no such name. */
export async function txtAt(
  server: Server,
  name: string,
  id: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const query = packet.encode({ type: 'query', id, questions: [{ name, type: 'TXT' }] });
  // One server that does not answer must not keep the others waiting.
  const reply = await askTcp(server, query, AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]));
  const answers = decodedAnswers(reply);
  return answers.flatMap((one) =>
    one.type === 'TXT' && one.name.toLowerCase().replace(/\.$/, '') === name ? [textOf(one.data)] : [],
  );
}

function decodedAnswers(reply: Buffer): packet.Answer[] {
  try {
    return packet.decode(reply).answers ?? [];
  } catch (cause) {
    throw new RhumbError('protocol', 'a DNS server answered what is no message', { cause });
  }
}

const textOf = (data: packet.TxtData): string =>
  (Array.isArray(data) ? data : [data]).map((part) => Buffer.from(part).toString('latin1')).join('');

/** The servers that the world asks about `name`: those of the nearest domain above it that has any. */
export async function nameserversOf(name: string, signal: AbortSignal): Promise<readonly Server[]> {
  const resolver = new Resolver({ timeout: LOOK_MS, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    // Not up to the last label: who has no domain there would ask the whole world's servers for it.
    for (let at = 0; name.includes('.', at) && !signal.aborted; at = name.indexOf('.', at) + 1) {
      const hosts = await resolver.resolveNs(name.slice(at)).catch(() => []);
      const found = await Promise.all(hosts.slice(0, MAX_SERVERS).map((host) => addressesOf(resolver, host)));
      const addresses = [...new Set(found.flat())].slice(0, MAX_SERVERS);
      if (addresses.length > 0) return addresses.map((host) => ({ host, port: 53 }));
    }
    return [];
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** IPv4 where there is one: not every server of ours has IPv6. */
async function addressesOf(resolver: Resolver, host: string): Promise<readonly string[]> {
  const ipv4 = await resolver.resolve4(host).catch(() => []);
  return ipv4.length > 0 ? ipv4 : resolver.resolve6(host).catch(() => []);
}
