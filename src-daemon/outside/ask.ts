/** Asks name servers for the addresses of a name through sockets outside the tunnel: one after the other, the first answer counts. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { encodeQuestion, type NameAnswer, type NameQuestion, readAnswer } from './dns-message.ts';
import type { OutsideSockets } from './sockets.ts';

export interface AskDeps {
  readonly clock: Clock;
  readonly sockets: OutsideSockets;
  /** 16 bits from a source that nobody can guess. */
  readonly newId: () => number;
}

/** An address, of IPv6 with `%zone` when it is link-local. */
export interface NameServer {
  readonly ip: string;
  readonly port: number;
}

/** How long a server may take before the next one is asked as well. */
const STAGGER_MS = 400;
/** A question is sent again after so long. */
const RESEND_MS = 1_000;
const LIMIT_MS = 5_000;
const MAX_TCP_ANSWER = 16 * 1_024;

type Decided = Extract<NameAnswer, { readonly kind: 'addresses' | 'none' }>;

/** Addresses of the name in the family, none when there are none. Rejects when no server could say. */
export async function askServers(
  servers: readonly NameServer[],
  { name, family }: Omit<NameQuestion, 'id'>,
  deps: AskDeps,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const over = new AbortController();
  const cancelLimit = deps.clock.after(LIMIT_MS, () =>
    over.abort(new RhumbError('timeout', `look up ${name}: no name server answered`)),
  );
  const inner = AbortSignal.any([signal, over.signal]);
  try {
    const answer = await firstOf(
      servers.map((server) => () => askOne(server, { id: deps.newId(), name, family }, deps, inner)),
      deps.clock,
      inner,
    );
    return answer.kind === 'addresses' ? answer.addresses : [];
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
    // As Node's own look-up says it.
    throw Object.assign(new Error(`look up ${name}: no name server answered`, { cause }), {
      code: 'EAI_AGAIN',
      hostname: name,
    });
  } finally {
    cancelLimit();
    over.abort();
  }
}

/** Each attempt begins when the one before it has failed, or has taken its time. */
function firstOf<T>(attempts: readonly (() => Promise<T>)[], clock: Clock, signal: AbortSignal): Promise<T> {
  let before: Promise<void> = Promise.resolve();
  const started = attempts.map((attempt) => {
    const turn = before;
    const mine = turn.then(() => {
      signal.throwIfAborted();
      return attempt();
    });
    const failed = mine.then(
      () => new Promise<never>(() => undefined),
      () => undefined,
    );
    const waited = turn.then(() => clock.sleep(STAGGER_MS, signal)).catch(() => undefined); // over anyhow
    before = Promise.race([failed, waited]);
    return mine;
  });
  return Promise.any(started);
}

async function askOne(
  server: NameServer,
  question: NameQuestion,
  deps: AskDeps,
  signal: AbortSignal,
): Promise<Decided> {
  const short = await overUdp(server, question, deps, signal);
  const answer = short.kind === 'truncated' ? await overTcp(server, question, deps, signal) : short;
  if (answer.kind === 'addresses' || answer.kind === 'none') return answer;
  throw new RhumbError(
    'unavailable',
    `name server ${server.ip}: ${answer.kind === 'failed' ? answer.code : 'it answers something else'}`,
  );
}

async function overUdp(
  { ip, port }: NameServer,
  question: NameQuestion,
  { clock, sockets }: AskDeps,
  signal: AbortSignal,
): Promise<NameAnswer> {
  const socket = await sockets.openUdp({ family: ip.includes(':') ? 6 : 4, towards: ip });
  const ended = Promise.withResolvers<NameAnswer>();
  const abort = (): void => ended.reject(signal.reason);
  let cancelResend: (() => void) | undefined;
  try {
    signal.throwIfAborted();
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', ended.reject);
    socket.on('message', (message) => {
      const answer = readAnswer(message, question);
      if (answer.kind !== 'foreign') ended.resolve(answer);
    });
    // Connected, so that only this server's answers count, and a closed port is told at once.
    const connected = Promise.withResolvers<void>();
    socket.once('connect', connected.resolve);
    socket.connect(port, ip);
    await Promise.race([connected.promise, ended.promise]);
    const message = encodeQuestion(question);
    const send = (): void => {
      socket.send(message, (error) => {
        if (error !== null) ended.reject(error);
      });
      cancelResend = clock.after(RESEND_MS, send);
    };
    send();
    return await ended.promise;
  } finally {
    cancelResend?.();
    signal.removeEventListener('abort', abort);
    socket.close();
  }
}

/** Two bytes of length before each message (RFC 1035 §4.2.2). */
async function overTcp(
  { ip, port }: NameServer,
  question: NameQuestion,
  { sockets }: AskDeps,
  signal: AbortSignal,
): Promise<NameAnswer> {
  const socket = await sockets.connectTcp({ host: ip, port }, signal);
  const abort = (): void => void socket.destroy(new RhumbError('timeout', `name server ${ip}: timed out`));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const message = encodeQuestion(question);
    const head = Buffer.alloc(2);
    head.writeUInt16BE(message.length);
    socket.write(Buffer.concat([head, message]));
    let held = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk]);
      if (held.length > MAX_TCP_ANSWER) break;
      const length = held.length < 2 ? undefined : held.readUInt16BE();
      if (length !== undefined && held.length >= length + 2)
        return readAnswer(held.subarray(2, length + 2), question);
    }
    throw new RhumbError('unavailable', `name server ${ip}: it closed the connection`);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}
