/** A page's side of the WebSocket bridge: its host's answers and events, as a browser gets them. */
import { WebSocket } from 'ws';
import type { CallName, EventName, ValueOf } from '#shared/bridge/contract.ts';
import { type Reply, reply } from '#shared/bridge/values.ts';

/** What the contract suite needs of a bridge, whichever way it goes. */
export interface PageSide extends AsyncDisposable {
  call(name: CallName | string, arg?: unknown): Promise<Reply>;
  on<K extends EventName>(name: K, listener: (value: ValueOf<K>) => void): () => void;
}

export async function openWebPage(link: URL): Promise<PageSide> {
  const socket = new WebSocket(`ws://${link.host}/bridge`, { origin: link.origin });
  const pending = new Map<number, (answer: Reply) => void>();
  const listeners = new Map<string, Set<(value: never) => void>>();
  const welcome = Promise.withResolvers<void>();
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data)) as Readonly<Record<string, unknown>>;
    if (frame['welcome'] !== undefined) welcome.resolve();
    else if (frame['refused'] !== undefined) welcome.reject(new Error('the page was refused'));
    else if (typeof frame['event'] === 'string')
      for (const listener of listeners.get(frame['event']) ?? []) listener(frame['value'] as never);
    else pending.get(Number(frame['id']))?.(reply.parse(frame['reply']));
  });
  socket.on('error', (error) => welcome.reject(error));
  socket.on('open', () => socket.send(JSON.stringify({ hello: { token: link.hash.slice('#t='.length) } })));
  await welcome.promise;
  let last = 0;
  return {
    call: (name, arg) =>
      new Promise((resolve) => {
        const id = ++last;
        pending.set(id, resolve);
        socket.send(JSON.stringify({ id, name, arg }));
      }),
    on: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => void set.delete(listener);
    },
    [Symbol.asyncDispose]: async () => socket.terminate(),
  };
}
