/** Lines of `watch-ipn-bus`: each message is written out once, however many watchers take it (localapi-and-daemon.md §2.7). */
import { encodeNotify, type Notify } from '#shared/localapi/notify.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { Node } from '#shared/wire/node.ts';
import { LazyNetMap } from '../backend/netmap-json.ts';
import { nodeText } from '../backend/node-text.ts';

export class NotifyLines {
  readonly #version: string;
  readonly #lines = new WeakMap<Notify, Buffer>();

  constructor(version: string) {
    this.#version = version;
  }

  line(message: Notify): Buffer {
    const known = this.#lines.get(message);
    if (known !== undefined) return known;
    const line = Buffer.from(`${notifyText({ Version: this.#version, ...message })}\n`, 'utf8');
    this.#lines.set(message, line);
    return line;
  }
}

/** Large parts are texts already, or become texts that other messages share. */
function notifyText(message: Notify): string {
  const { NetMap, PeersChanged, SelfChange, ...rest } = message;
  const small = encodeNotify(rest);
  const large: string[] = [];
  if (SelfChange !== undefined) large.push(`"SelfChange":${nodeText(SelfChange as Node)}`);
  if (PeersChanged !== undefined)
    large.push(`"PeersChanged":[${PeersChanged.map((node) => nodeText(node as Node)).join(',')}]`);
  if (NetMap instanceof LazyNetMap) {
    // Without a map the field is null, and it must not be there twice.
    delete small['NetMap'];
    large.push(`"NetMap":${NetMap.text()}`);
  } else if (NetMap !== undefined) {
    small['NetMap'] = NetMap;
  }
  const text = stringifyJson(small);
  return large.length === 0 ? text : `${text.slice(0, -1)},${large.join(',')}}`;
}
