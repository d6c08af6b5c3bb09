/** TLS to a relay on a connected socket: who is trusted, session reuse, and the meta certificate (nat-traversal.md §1.2, §1.3). */
import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { RhumbError } from '../../errors.ts';
import type { DerpNode } from '../../wire/map.ts';
import { checkPin, metaKey, type Presented, type Trust, trustOf } from './trust.ts';

export interface TlsDialerOptions {
  readonly clock: Clock;
  readonly extraCa: readonly string[];
}

export interface Secured {
  readonly socket: TLSSocket;
  /** The relay took us: only then is the session worth keeping, or a stale key could come back with it for ever. */
  readonly admitted: () => void;
  /** From the meta certificate, of this handshake or of the one whose session was taken up again. */
  readonly serverKey: Uint8Array | undefined;
}

/** A session that was left and what the certificates of its handshake said; used once (RFC 8446 appendix C.4). */
interface Kept {
  readonly session: Buffer;
  /** A session that is taken up again shows none. */
  readonly certificates: readonly Presented[];
  readonly serverKey: Uint8Array | undefined;
}

const MAX_KEPT = 64;
/** No relay presents more. */
const MAX_CERTIFICATES = 16;

export class TlsDialer {
  readonly #clock: Clock;
  readonly #extraCa: readonly string[];
  readonly #kept = new Map<string, Kept>();
  #plain: SecureContext | undefined;
  #verifying: SecureContext | undefined;

  constructor(options: TlsDialerOptions) {
    this.#clock = options.clock;
    this.#extraCa = options.extraCa;
  }

  /** Takes the socket over and destroys it on failure. */
  async handshake(tcp: Socket, node: DerpNode, port: number, signal: AbortSignal): Promise<Secured> {
    const trust = trustOf(node);
    try {
      if (trust.kind === 'nothing') throw new RhumbError('protocol', trust.why);
      const id = `${node.HostName}:${port} ${node.CertName ?? ''} ${trust.kind}`;
      const kept = this.#takeKept(id);
      const socket = await this.#secure(tcp, node, trust, kept, signal);
      const told = this.#judge(socket, node, trust, kept);
      let latest: Buffer | undefined;
      let isAdmitted = false;
      const keep = (): void => {
        if (isAdmitted && latest !== undefined) this.#keep(id, { ...told, session: latest });
      };
      socket.on('session', (session) => {
        latest = session;
        keep();
      });
      const admitted = (): void => {
        isAdmitted = true;
        keep();
      };
      return { socket, serverKey: told.serverKey, admitted };
    } catch (error) {
      tcp.destroy();
      throw error;
    }
  }

  #secure(
    tcp: Socket,
    node: DerpNode,
    trust: Trust,
    kept: Kept | undefined,
    signal: AbortSignal,
  ): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const socket = tls.connect({
        socket: tcp,
        secureContext: this.#contextFor(trust),
        // RFC 6066 §3: no server name for an address. No ALPN either: the relay then speaks HTTP/1.1 (§9.2.23).
        servername: serverName(node) ?? '',
        rejectUnauthorized: trust.kind === 'name',
        ...(trust.kind === 'name'
          ? { checkServerIdentity: (_, certificate) => tls.checkServerIdentity(trust.name, certificate) }
          : {}),
        ...(kept === undefined ? {} : { session: kept.session }),
      });
      const abort = (): void => {
        socket.destroy();
        reject(signal.reason);
      };
      const early = (): void => reject(new RhumbError('unavailable', 'it closed the connection'));
      signal.addEventListener('abort', abort, { once: true });
      // Both stay, and do nothing once the handshake is done.
      socket.on('error', reject);
      socket.once('close', early);
      socket.once('secureConnect', () => {
        signal.removeEventListener('abort', abort);
        resolve(socket);
      });
      socket.once('close', () => signal.removeEventListener('abort', abort));
    });
  }

  /** What `rejectUnauthorized` has not judged, and the relay's key where it may be used. */
  #judge(socket: TLSSocket, node: DerpNode, trust: Trust, kept: Kept | undefined): Omit<Kept, 'session'> {
    const reused = socket.isSessionReused() ? kept : undefined;
    const certificates = reused?.certificates ?? presented(socket);
    if (trust.kind === 'pin') {
      const why = checkPin(certificates, trust.sha256, serverName(node), this.#clock.now());
      if (why !== undefined) throw new RhumbError('protocol', why);
    }
    if (reused !== undefined) return reused;
    // Before TLS 1.3 anybody on the way could have read it, and a relay of ours speaks 1.3.
    const serverKey = socket.getProtocol() === 'TLSv1.3' ? metaKey(certificates) : undefined;
    return { certificates, serverKey };
  }

  /** The authorities that vouched then are not asked again, so a certificate must still be in its time. */
  #takeKept(id: string): Kept | undefined {
    const kept = this.#kept.get(id);
    this.#kept.delete(id);
    const leaf = kept?.certificates[0];
    return leaf !== undefined && this.#clock.now() <= leaf.validToMs ? kept : undefined;
  }

  #keep(id: string, kept: Kept): void {
    this.#kept.delete(id);
    if (this.#kept.size >= MAX_KEPT) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    this.#kept.set(id, kept);
  }

  /**
   * The system's authorities (a company's own relay) and Node's (a machine that has none, for which the official client
   * brings its own). Parsing them takes a tenth of a second: only when a name is to be verified, and once.
   */
  #contextFor(trust: Trust): SecureContext {
    if (trust.kind !== 'name') {
      this.#plain ??= tls.createSecureContext({ minVersion: 'TLSv1.2' });
      return this.#plain;
    }
    this.#verifying ??= tls.createSecureContext({
      minVersion: 'TLSv1.2',
      ca: [
        ...new Set([
          ...tls.getCACertificates('default'),
          ...tls.getCACertificates('system'),
          ...this.#extraCa,
        ]),
      ],
    });
    return this.#verifying;
  }
}

/** The name of the handshake; none for a relay known by its address. */
const serverName = (node: DerpNode): string | undefined =>
  isIP(node.HostName) === 0 ? node.HostName : undefined;

/** In the order of the wire: `getPeerCertificate` would leave out what is in nobody's chain. */
function presented(socket: TLSSocket): readonly Presented[] {
  const found: Presented[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && found.length < MAX_CERTIFICATES) {
    found.push(describe(next));
    next = next.issuerCertificate;
  }
  return found;
}

function describe(certificate: X509Certificate): Presented {
  return {
    commonName: /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? '',
    serial: certificate.serialNumber.toLowerCase(),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    validFromMs: certificate.validFromDate.getTime(),
    validToMs: certificate.validToDate.getTime(),
    isFor: (name) => certificate.checkHost(name) !== undefined,
  };
}
