/** The cheapest possible relay client, so that the load generator costs less than the relay that it measures. */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { concat } from '#shared/bytes/bytes.ts';
import { boxShared, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { FrameType } from '#shared/derp/frames.ts';
import { encodeClientInfoJson } from '#shared/derp/info.ts';
import { decodeServerKey, encodeClientInfo } from '#shared/derp/messages.ts';
import { RhumbError } from '#shared/errors.ts';

const CONNECT_MS = 20_000;

/** One buffer for all sockets of the process: what comes is counted and forgotten. */
const inbound = Buffer.allocUnsafeSlow(1 << 20);

export interface RelayTarget {
  readonly host: string;
  readonly port: number;
  /** Any certificate will do: what is measured is the relay, on this machine. */
  readonly isTls: boolean;
}

/** A client past its handshake. `onBytes` sees the relay's stream after ServerInfo; the view is valid for the call. */
export class LoadClient {
  readonly raw: Uint8Array;
  readonly socket: Socket;
  onBytes: (bytes: Buffer) => void = () => undefined;

  private constructor(raw: Uint8Array, socket: Socket) {
    this.raw = raw;
    this.socket = socket;
  }

  static open(target: RelayTarget): Promise<LoadClient> {
    const own = importPrivate(generatePrivate());
    const { promise, resolve, reject } = Promise.withResolvers<LoadClient>();
    const reader = new FrameReader(() => 1 << 20);
    let head: Buffer | undefined = Buffer.alloc(0);
    let client: LoadClient | undefined;
    const shake = (bytes: Buffer): void => {
      let rest = bytes;
      if (head !== undefined) {
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!head.toString('latin1').startsWith('HTTP/1.1 101')) {
          reject(new RhumbError('protocol', `relay answered ${head.toString('latin1').split('\r\n')[0]}`));
          socket.destroy();
          return;
        }
        rest = head.subarray(end + 4);
        head = undefined;
      }
      reader.push(Buffer.from(rest));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (frame.type === FrameType.ServerKey) socket.write(hello(own, decodeServerKey(frame.payload)));
        if (frame.type === FrameType.ServerInfo) {
          client = new LoadClient(own.publicRaw, socket);
          socket.setTimeout(0);
          resolve(client);
        }
      }
    };
    const socket = open(target, (bytes) => {
      if (client === undefined) shake(bytes);
      else client.onBytes(bytes);
    });
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new RhumbError('timeout', 'handshake took too long')));
    socket.on('error', reject);
    socket.on('close', () => reject(new RhumbError('unavailable', 'the relay closed the connection')));
    socket.write(
      `GET /derp HTTP/1.1\r\nHost: ${target.host}\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n`,
    );
    return promise;
  }
}

function open({ host, port, isTls }: RelayTarget, onBytes: (bytes: Buffer) => void): Socket {
  if (isTls)
    return connectTls({ host, port, rejectUnauthorized: false }).setNoDelay(true).on('data', onBytes);
  const callback = (count: number, { buffer, byteOffset }: Uint8Array): boolean => {
    onBytes(Buffer.from(buffer, byteOffset, count));
    return true;
  };
  return connect({ host, port, noDelay: true, onread: { buffer: inbound, callback } });
}

function hello(own: ReturnType<typeof importPrivate>, server: Uint8Array | undefined): Uint8Array {
  const shared = server === undefined ? undefined : boxShared(own, server);
  if (shared === undefined) throw new RhumbError('protocol', 'the relay greets with no key');
  const nonce = randomBytes(24);
  const json = encodeClientInfoJson({ version: 2, canAckPings: true });
  return encodeClientInfo(own.publicRaw, { nonce, box: sealBox(shared, nonce, json) });
}

/** One SendPacket frame of random bytes. */
export function sendFrame(to: Uint8Array, packetBytes: number): Buffer {
  const header = Buffer.alloc(5);
  header[0] = FrameType.SendPacket;
  header.writeUInt32BE(32 + packetBytes, 1);
  return Buffer.from(concat(header, to, randomBytes(packetBytes)));
}
