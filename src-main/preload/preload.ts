/** What the page gets of its host: four frozen members, no channel, no event object (desktop.md §9.1, §13 S9). */
import { contextBridge, ipcRenderer } from 'electron';
import { CALL_CHANNEL, EVENT_CHANNEL, HOST_CHANNEL } from '../product.ts';

// Names alone: the schemas stay in the main process, which checks everything anyway.
declare const CALL_NAMES: readonly string[];
declare const EVENT_NAMES: readonly string[];

const hostArgument = process.argv.find((arg) => arg.startsWith(`--${HOST_CHANNEL}=`));
const host: unknown = JSON.parse(decodeURIComponent(hostArgument?.slice(HOST_CHANNEL.length + 3) ?? 'null'));
const listeners = new Map<string, Set<(value: unknown) => void>>();

ipcRenderer.on(EVENT_CHANNEL, (_event, name: string, value: unknown) => {
  for (const listener of listeners.get(name) ?? []) listener(value);
});

/** Errors lose what they carry on their way through the bridge, plain objects don't: so a failure is one. */
async function call(name: string, arg: unknown): Promise<unknown> {
  if (!CALL_NAMES.includes(name)) return refused('bad-argument', 'there is no such call');
  const reply = await ipcRenderer.invoke(CALL_CHANNEL, name, arg);
  return reply.ok === true ? reply.value : refused(reply.code, reply.message);
}

const refused = (code: unknown, message: unknown): Promise<never> => Promise.reject({ code, message });

function on(name: string, listener: (value: unknown) => void): () => void {
  if (!EVENT_NAMES.includes(name) || typeof listener !== 'function') return () => undefined;
  const all = listeners.get(name) ?? new Set();
  listeners.set(name, all.add(listener));
  return () => void all.delete(listener);
}

contextBridge.exposeInMainWorld('rhumb', { host, call, on });
