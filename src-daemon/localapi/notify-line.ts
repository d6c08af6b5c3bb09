/** Lines of `watch-ipn-bus`: each message is written out once, however many watchers take it (localapi-and-daemon.md §2.7). */
import { encodeNotify, type Notify } from '#shared/localapi/notify.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { Node } from '#shared/wire/node.ts';
import { LazyNetMap } from '../backend/netmap-json.ts';
import { nodeText } from '../backend/node-text.ts';

const END = Buffer.from('}\n', 'latin1');

export class NotifyLines {
  readonly #version: string;
  readonly #lines = new WeakMap<Notify, readonly Buffer[]>();

  constructor(version: string) {
    this.#version = version;
  }

  /** In pieces, because a map belongs to other messages, too. */
  line(message: Notify): readonly Buffer[] {
    const known = this.#lines.get(message);
    if (known !== undefined) return known;
    const line = piecesOf({ Version: this.#version, ...message });
    this.#lines.set(message, line);
    return line;
  }
}

/** Large parts are there already, or are made to be shared with other messages. */
function piecesOf(message: Notify): readonly Buffer[] {
  const { NetMap, PeersChanged, SelfChange, ...rest } = message;
  const small = encodeNotify(rest);
  const large: string[] = [];
  if (SelfChange !== undefined) large.push(`"SelfChange":${nodeText(SelfChange as Node)}`);
  if (PeersChanged !== undefined)
    large.push(`"PeersChanged":[${PeersChanged.map((node) => nodeText(node as Node)).join(',')}]`);
  if (NetMap instanceof LazyNetMap) {
    // Without a map the field is null, and it must not be there twice.
    delete small['NetMap'];
  } else if (NetMap !== undefined) {
    small['NetMap'] = NetMap;
  }
  const text = stringifyJson(small);
  const line = large.length === 0 ? text : `${text.slice(0, -1)},${large.join(',')}}`;
  if (!(NetMap instanceof LazyNetMap)) return [Buffer.from(`${line}\n`, 'utf8')];
  // Each message names its version, so that there is something before the comma.
  return [Buffer.from(`${line.slice(0, -1)},"NetMap":`, 'utf8'), NetMap.bytes(), END];
}
