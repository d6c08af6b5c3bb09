/** The JSON that relay client and server tell each other, read with the tolerance of the other side (nat-traversal.md §1.6). */
import { utf8 } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';

export interface ClientInfo {
  readonly version: number;
  readonly canAckPings: boolean;
  readonly isProber: boolean;
  /** A label for the server's statistics. */
  readonly appName: string;
  /** 32 raw bytes; all zero counts as none. Compare it in constant time. */
  readonly meshKey: Uint8Array | undefined;
}

export interface ServerInfo {
  readonly version: number;
  /** Zero means that the server names no limit. */
  readonly tokenBucketBytesPerSecond: number;
  readonly tokenBucketBytesBurst: number;
}

const MESH_KEY_BYTES = 32;
const MAX_APP_NAME = 256;

/** No empty `meshKey`: servers refuse it. */
export function encodeClientInfoJson(
  info: Pick<ClientInfo, 'version' | 'canAckPings'> & Partial<ClientInfo>,
): Uint8Array {
  return utf8(
    JSON.stringify({
      ...(info.meshKey === undefined ? {} : { meshKey: toHex(info.meshKey) }),
      version: info.version,
      CanAckPings: info.canAckPings,
      ...(info.isProber === true ? { IsProber: true } : {}),
      ...(info.appName === undefined || info.appName === '' ? {} : { AppName: info.appName }),
    }),
  );
}

export function encodeServerInfoJson(info: Pick<ServerInfo, 'version'> & Partial<ServerInfo>): Uint8Array {
  const { tokenBucketBytesPerSecond: rate = 0, tokenBucketBytesBurst: burst = 0 } = info;
  return utf8(
    JSON.stringify({
      version: info.version,
      ...(rate === 0 ? {} : { TokenBucketBytesPerSecond: rate }),
      ...(burst === 0 ? {} : { TokenBucketBytesBurst: burst }),
    }),
  );
}

/** Undefined for what is not JSON, has a field of the wrong type, or a mesh key that is none. */
export function decodeClientInfoJson(json: Uint8Array): ClientInfo | undefined {
  const fields = fieldsOf(json);
  if (fields === undefined) return undefined;
  const version = int(fields.get('version'));
  const canAckPings = bool(fields.get('canackpings'));
  const isProber = bool(fields.get('isprober'));
  const appName = text(fields.get('appname'));
  const meshKey = mesh(fields.get('meshkey'), fields.has('meshkey'));
  if (version === undefined || canAckPings === undefined || isProber === undefined) return undefined;
  if (appName === undefined || meshKey === 'malformed') return undefined;
  return { version, canAckPings, isProber, appName, meshKey };
}

export function decodeServerInfoJson(json: Uint8Array): ServerInfo | undefined {
  const fields = fieldsOf(json);
  if (fields === undefined) return undefined;
  const version = int(fields.get('version'));
  const rate = int(fields.get('tokenbucketbytespersecond'));
  const burst = int(fields.get('tokenbucketbytesburst'));
  if (version === undefined || rate === undefined || burst === undefined) return undefined;
  return {
    version,
    tokenBucketBytesPerSecond: Math.max(0, rate),
    tokenBucketBytesBurst: Math.max(0, burst),
  };
}

const decoder = new TextDecoder();

/** Names in lower case, because the other side writes them in several ways; of two that are the same the later wins. */
function fieldsOf(json: Uint8Array): ReadonlyMap<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(json));
  } catch {
    // The one thing that JSON.parse can tell; the caller drops the connection.
    return undefined;
  }
  if (value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}

/** Null and absence are the type's zero, as they are for the official programs. */
const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;

function int(value: unknown): number | undefined {
  if (isAbsent(value)) return 0;
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

function bool(value: unknown): boolean | undefined {
  if (isAbsent(value)) return false;
  return typeof value === 'boolean' ? value : undefined;
}

function text(value: unknown): string | undefined {
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') return undefined;
  if (value.length <= MAX_APP_NAME) return value;
  // Through bytes, because a mere slice keeps all of the text that it was cut from: 256 KiB for as long as the client stays.
  return decoder.decode(utf8(value.slice(0, MAX_APP_NAME)));
}

function mesh(value: unknown, isThere: boolean): Uint8Array | undefined | 'malformed' {
  if (!isThere) return undefined;
  const raw = typeof value === 'string' ? fromHex(value) : undefined;
  if (raw === undefined || raw.length !== MESH_KEY_BYTES) return 'malformed';
  return raw.some((byte) => byte !== 0) ? raw : undefined;
}
