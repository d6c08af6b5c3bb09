/** A bus for tests: signs one client in and lets the test answer its calls, over a real unix socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeMessage, encodeMessage, type Message, MessageType, messageLength } from './message.ts';
import type { Value } from './values.ts';

export type Answer =
  | { readonly signature: string; readonly body: readonly Value[] }
  | { readonly error: string; readonly text: string }
  /** Never. */
  | 'silence';

export interface FakeBus extends AsyncDisposable {
  readonly address: string;
  /** Calls besides those to the bus itself, in their order. */
  readonly calls: readonly Message[];
  signal(member: string, signature: string, body: readonly Value[], sender?: string): void;
  /** As they are, to a client that has signed in. */
  raw(bytes: Uint8Array): void;
  /** Ends all connections. */
  drop(): void;
}

/** What the bus itself answers. */
const OWN: Readonly<Record<string, Answer>> = {
  Hello: { signature: 's', body: [':1.7'] },
  NameHasOwner: { signature: 'b', body: [true] },
  AddMatch: { signature: '', body: [] },
};

function take(bytes: Uint8Array): { readonly messages: readonly Message[]; readonly rest: Uint8Array } {
  const messages: Message[] = [];
  let rest = bytes;
  while (true) {
    const length = messageLength(rest);
    if (length === undefined || length === 0 || rest.length < length) return { messages, rest };
    const message = decodeMessage(rest.subarray(0, length));
    if (message !== undefined) messages.push(message);
    rest = rest.subarray(length);
  }
}

export async function openFakeBus(
  answer: (call: Message) => Answer,
  greeting = 'OK 0123456789abcdef\r\n',
): Promise<FakeBus> {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-bus-'));
  const path = join(folder, 'bus');
  const calls: Message[] = [];
  const sockets = new Set<Socket>();
  let serial = 0;
  const send = (socket: Socket, message: Omit<Message, 'serial'>): void => {
    serial++;
    socket.write(encodeMessage({ ...message, serial }));
  };
  const reply = (socket: Socket, call: Message, with_: Answer): void => {
    if (with_ === 'silence') return;
    const to = { replySerial: call.serial, destination: ':1.7', sender: call.destination };
    if ('error' in with_)
      send(socket, {
        ...to,
        type: MessageType.error,
        errorName: with_.error,
        signature: 's',
        body: [with_.text],
      });
    else send(socket, { ...to, type: MessageType.reply, ...with_ });
  };
  const handle = (socket: Socket, call: Message): void => {
    const own = call.destination === 'org.freedesktop.DBus' ? OWN[call.member ?? ''] : undefined;
    if (own === undefined) calls.push(call);
    reply(socket, call, own ?? answer(call));
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let phase: 'claim' | 'begin' | 'messages' = 'claim';
    let buffered = Buffer.alloc(0);
    socket.on('data', (data) => {
      buffered = Buffer.concat([buffered, data]);
      if (phase === 'claim' && buffered.includes('\r\n')) {
        socket.write(greeting);
        buffered = buffered.subarray(buffered.indexOf('\r\n') + 2);
        phase = 'begin';
      }
      if (phase === 'begin' && buffered.includes('BEGIN\r\n')) {
        buffered = buffered.subarray(buffered.indexOf('BEGIN\r\n') + 7);
        phase = 'messages';
      }
      if (phase !== 'messages') return;
      const { messages, rest } = take(buffered);
      buffered = Buffer.from(rest);
      for (const call of messages) handle(socket, call);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    address: `unix:path=${path}`,
    calls,
    signal: (member, signature, body, sender = 'org.freedesktop.DBus') => {
      const from = { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', sender };
      for (const socket of sockets)
        send(socket, { type: MessageType.signal, ...from, member, signature, body });
    },
    raw: (bytes) => {
      for (const socket of sockets) socket.write(bytes);
    },
    drop: () => {
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
