/** What goes over the web page's socket, read without trust (desktop.md §9.1); the daemon checks its side by schema. */
import type { Capability } from '#shared/bridge/contract.ts';
import { type CallError, toCallError } from './failure.ts';

/** First frame to the daemon: the one-time token of the link, or the key that an earlier one was exchanged for. */
export interface Hello {
  readonly hello: { readonly token?: string; readonly key?: string };
}

export type Frame =
  | { readonly kind: 'welcome'; readonly key: string; readonly host: WebHost }
  | { readonly kind: 'refused' }
  | { readonly kind: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: CallError }
  | { readonly kind: 'event'; readonly event: string; readonly value: unknown };

export interface WebHost {
  readonly can: readonly Capability[];
  readonly platform: string;
  readonly version: string;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Undefined for what is no frame. */
export function readFrame(data: unknown): Frame | undefined {
  if (typeof data !== 'string') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isFields(json)) return undefined;
  if (isFields(json['welcome'])) return welcome(json['welcome']);
  if (json['refused'] !== undefined) return { kind: 'refused' };
  if (typeof json['event'] === 'string') return { kind: 'event', event: json['event'], value: json['value'] };
  const { id, reply } = json;
  if (typeof id !== 'number' || !isFields(reply)) return undefined;
  if (reply['ok'] === true) return { kind: 'reply', id, value: reply['value'] };
  return { kind: 'failed', id, error: toCallError({ code: reply['code'], message: reply['message'] }) };
}

function welcome({ key, host }: Fields): Frame {
  const fields: Fields = isFields(host) ? host : {};
  const can = Array.isArray(fields['can']) ? fields['can'].filter((one) => typeof one === 'string') : [];
  return {
    kind: 'welcome',
    key: text(key),
    // A name of a thing that we don't know is never asked for.
    host: { can: can as Capability[], platform: text(fields['platform']), version: text(fields['version']) },
  };
}
