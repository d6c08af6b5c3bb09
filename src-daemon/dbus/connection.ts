/** A connection to a D-Bus bus: signing in, calls and their replies, signals (D-Bus specification, "Authentication Protocol"). */
import { connect, type Socket } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import { decodeMessage, encodeMessage, type Message, MessageType, messageLength } from './message.ts';
import { isVariant, type Value } from './values.ts';

export interface Call {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
}

/** What the other side said; being refused is an answer, too. */
export type Reply =
  | { readonly ok: true; readonly body: readonly Value[] }
  | { readonly ok: false; readonly name: string; readonly message: string };

type Signal = Pick<Message, 'sender' | 'member' | 'body'>;

const BUS = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/** Where system buses listen when nothing else is said (D-Bus specification, "Standard System Message Bus Instance"). */
const SYSTEM_BUS = 'unix:path=/run/dbus/system_bus_socket';
/** Of a line while signing in. */
const MAX_LINE = 1_024;

/** The first address that a socket of this machine can have, as Node names it: a path, or a zero and an abstract name. */
export function socketPath(addresses: string = SYSTEM_BUS): string | undefined {
  for (const address of addresses.split(';')) {
    const [transport, pairs = ''] = address.split(':');
    if (transport !== 'unix') continue;
    const keys = new Map(pairs.split(',').map((pair) => pair.split('=', 2) as [string, string]));
    const path = keys.get('path');
    const abstract = keys.get('abstract');
    if (path !== undefined) return unescaped(path);
    if (abstract !== undefined) return `\0${unescaped(abstract)}`;
  }
  return undefined;
}

const unescaped = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

export class DBusConnection implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (message: Message | RhumbError) => void>();
  readonly #listeners = new Set<(signal: Signal) => void>();
  readonly #ended = Promise.withResolvers<void>();
  #buffered: Uint8Array = new Uint8Array(0);
  #serial = 0;
  #isOpen = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** To the system's bus, unless another one is named. Rejects when there is none, or it won't have us. */
  static async open(
    options: { readonly addresses?: string | undefined },
    signal: AbortSignal,
  ): Promise<DBusConnection> {
    const path = socketPath(options.addresses);
    if (path === undefined)
      throw new RhumbError('bad-argument', `no bus address of this machine: ${options.addresses}`);
    const socket = connect(path);
    const connection = new DBusConnection(socket);
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      const rest = await signIn(socket);
      connection.#follow(rest);
      must('Hello', await connection.call({ ...BUS, member: 'Hello' }, signal));
      return connection;
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Resolves when the connection is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Rejects when the connection breaks or the signal aborts. */
  async call(call: Call, signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted();
    if (!this.#isOpen) throw gone();
    this.#serial = (this.#serial % 0xffff_fffe) + 1;
    const serial = this.#serial;
    const { promise, resolve } = Promise.withResolvers<Message | RhumbError>();
    this.#waiting.set(serial, resolve);
    const abort = (): void =>
      resolve(new RhumbError('timeout', `${call.destination} does not answer ${call.member}`));
    signal.addEventListener('abort', abort, { once: true });
    try {
      this.#socket.write(encodeMessage({ type: MessageType.call, serial, body: [], ...call }));
      const answer = await promise;
      if (answer instanceof RhumbError) throw answer;
      if (answer.type === MessageType.reply) return { ok: true, body: answer.body };
      const [text] = answer.body;
      const message = typeof text === 'string' ? text : '';
      return { ok: false, name: answer.errorName ?? '', message };
    } finally {
      signal.removeEventListener('abort', abort);
      this.#waiting.delete(serial);
    }
  }

  /** A property of an object; undefined when it is not there. */
  async property(of: Omit<Call, 'member'>, name: string, signal: AbortSignal): Promise<Value | undefined> {
    const { destination, path } = of;
    const reply = await this.call(
      {
        destination,
        path,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'Get',
        signature: 'ss',
        body: [of.interface, name],
      },
      signal,
    );
    const [value] = reply.ok ? reply.body : [];
    return isVariant(value) ? value.value : undefined;
  }

  async hasOwner(name: string, signal: AbortSignal): Promise<boolean> {
    const reply = await this.call({ ...BUS, member: 'NameHasOwner', signature: 's', body: [name] }, signal);
    return reply.ok && reply.body[0] === true;
  }

  /** Calls `handle` with the new owner each time a name changes hands; an empty one means that its program has gone. */
  async watchOwner(name: string, handle: (owner: string) => void, signal: AbortSignal): Promise<void> {
    const rule = `type='signal',sender='${BUS.destination}',interface='${BUS.interface}',member='NameOwnerChanged',arg0='${name}'`;
    this.#listeners.add(({ sender, member, body: [changed, , owner] }) => {
      if (sender !== BUS.destination || member !== 'NameOwnerChanged' || changed !== name) return;
      if (typeof owner === 'string') handle(owner);
    });
    must('AddMatch', await this.call({ ...BUS, member: 'AddMatch', signature: 's', body: [rule] }, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#ended.promise;
  }

  #follow(rest: Uint8Array): void {
    const socket = this.#socket;
    socket.on('data', (data) => this.#take(data));
    // Followed by 'close'.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isOpen = false;
      for (const settle of this.#waiting.values()) settle(gone());
      this.#ended.resolve();
    });
    if (socket.destroyed) this.#ended.resolve();
    this.#take(rest);
  }

  #take(data: Uint8Array): void {
    this.#buffered = this.#buffered.length === 0 ? data : Buffer.concat([this.#buffered, data]);
    while (true) {
      const length = messageLength(this.#buffered);
      if (length === 0) return;
      // Nobody knows any more where the next message begins.
      if (length === undefined) return void this.#socket.destroy();
      if (this.#buffered.length < length) return;
      const message = decodeMessage(this.#buffered.subarray(0, length));
      if (message === undefined) return void this.#socket.destroy();
      this.#buffered = this.#buffered.subarray(length);
      this.#handle(message);
    }
  }

  #handle(message: Message): void {
    switch (message.type) {
      case MessageType.reply:
      case MessageType.error:
        this.#waiting.get(message.replySerial ?? 0)?.(message);
        return;
      case MessageType.signal:
        for (const listener of this.#listeners) listener(message);
        return;
      case MessageType.call:
        this.#refuse(message);
        return;
      default:
        // Other types are to be ignored ("Message Types").
        return;
    }
  }

  /** We offer nothing; a caller should not have to wait to learn that. */
  #refuse({ serial, sender }: Message): void {
    this.#serial = (this.#serial % 0xffff_fffe) + 1;
    this.#socket.write(
      encodeMessage({
        type: MessageType.error,
        serial: this.#serial,
        replySerial: serial,
        destination: sender,
        errorName: 'org.freedesktop.DBus.Error.UnknownObject',
        body: [],
      }),
    );
  }
}

/** The body of a reply; a refusal is an error with its reason. */
export function must(what: string, reply: Reply): readonly Value[] {
  if (reply.ok) return reply.body;
  throw new RhumbError('unavailable', `${what}: ${reply.message || reply.name}`);
}

const gone = (): RhumbError => new RhumbError('unavailable', 'the connection to the system bus is gone');

/** The kernel tells the bus who we are; the name is only our claim. Returns what came after the last line. */
function signIn(socket: Socket): Promise<Uint8Array> {
  const uid = `${process.getuid?.() ?? 0}`;
  const claim = Buffer.from(uid, 'latin1').toString('hex');
  return new Promise((resolve, reject) => {
    let said: Uint8Array = new Uint8Array(0);
    const finish = (settle: () => void): void => {
      socket.off('data', data);
      socket.off('error', failed);
      socket.off('close', closed);
      settle();
    };
    const refused = (why: string): void =>
      finish(() => reject(new RhumbError('unavailable', `sign in to the system bus: ${why}`)));
    const failed = (error: Error): void => refused(error.message);
    const closed = (): void => refused('it closed the connection');
    const data = (more: Uint8Array): void => {
      said = Buffer.concat([said, more]);
      const end = said.indexOf(0x0a);
      if (end < 0) {
        if (said.length > MAX_LINE) refused('it speaks another language');
        return;
      }
      const line = Buffer.from(said.subarray(0, end)).toString('latin1').trim();
      if (!line.startsWith('OK ')) {
        refused(line.slice(0, 100));
        return;
      }
      socket.write('BEGIN\r\n');
      const rest = said.subarray(end + 1);
      finish(() => resolve(rest));
    };
    socket.on('data', data);
    socket.on('error', failed);
    socket.on('close', closed);
    socket.write(`\0AUTH EXTERNAL ${claim}\r\n`);
  });
}
