/** Looks at every relay of a map the way a client does: TLS with the promised certificate, the upgrade, STUN. */
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import type { Clock } from '#shared/async/clock.ts';
import { equal } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import { netErrorText } from '#shared/node/net-error.ts';
import { decodeResponse, encodeRequest, TX_ID_BYTES } from '#shared/stun/stun.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { upgrade } from '../../src-relay/front/mesh-dial.ts';

export type Finding =
  | { readonly kind: 'ok'; readonly ms: number }
  | { readonly kind: 'failed'; readonly why: string }
  /** The map says that there is none. */
  | { readonly kind: 'off' };

export interface NodeCheck {
  readonly region: number;
  readonly node: string;
  readonly host: string;
  readonly relay: Finding;
  readonly stun: Finding;
}

type DerpNode = NonNullable<NonNullable<NonNullable<DerpMap['Regions']>[string]>['Nodes']>[number];

const CHECK_MS = 5_000;
const STUN_RETRY_MS = 500;
const PIN = 'sha256-raw:';
const META = /^CN=derpkey[0-9a-f]{64}$/;

/** In the order of the map; never rejects for a relay that fails. */
export async function checkMap(map: DerpMap, clock: Clock): Promise<readonly NodeCheck[]> {
  const nodes = Object.values(map.Regions ?? {}).flatMap((region) => region?.Nodes ?? []);
  return Promise.all(
    nodes.map(async (node) => {
      const [relay, stun] = await Promise.all([checkRelay(node, clock), checkStun(node, clock)]);
      return { region: node.RegionID, node: node.Name, host: node.HostName, relay, stun };
    }),
  );
}

const dialHost = (node: DerpNode): string =>
  [node.IPv4, node.IPv6].find((ip) => ip !== undefined && isIP(ip) !== 0) ?? node.HostName;

async function timed(clock: Clock, run: (signal: AbortSignal) => Promise<void>): Promise<Finding> {
  const from = clock.monotonic();
  try {
    await run(AbortSignal.timeout(CHECK_MS));
    return { kind: 'ok', ms: clock.monotonic() - from };
  } catch (error) {
    return { kind: 'failed', why: error instanceof RhumbError ? error.message : netErrorText(error) };
  }
}

async function checkRelay(node: DerpNode, clock: Clock): Promise<Finding> {
  if (node.STUNOnly === true) return { kind: 'off' };
  return timed(clock, async (signal) => {
    const socket = await dial(node, signal);
    try {
      await upgrade(socket, { host: node.HostName, port: node.DERPPort ?? 443 }, signal);
    } finally {
      socket.destroy();
    }
  });
}

function dial(node: DerpNode, signal: AbortSignal): Promise<TLSSocket> {
  const certName = node.CertName ?? node.HostName;
  const isPinned = certName.startsWith(PIN);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: dialHost(node),
      port: node.DERPPort ?? 443,
      ...(isIP(node.HostName) === 0 ? { servername: node.HostName } : {}),
      rejectUnauthorized: !isPinned && node.InsecureForTests !== true,
      checkServerIdentity: (_host, cert) => checkServerIdentity(certName, cert),
    });
    signal.addEventListener('abort', () => socket.destroy(new RhumbError('timeout', 'timed out')), {
      once: true,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const wrong = isPinned ? pinProblem(socket, certName.slice(PIN.length)) : undefined;
      if (wrong === undefined) resolve(socket);
      else socket.destroy(new RhumbError('protocol', wrong));
    });
  });
}

/** As clients have it: exactly one certificate apart from the meta certificate, and that one. */
function pinProblem(socket: TLSSocket, wanted: string): string | undefined {
  const chain = [];
  for (let one = socket.getPeerX509Certificate(); one !== undefined; one = one.issuerCertificate)
    if (!META.test(one.subject)) chain.push(one);
  const [leaf, ...rest] = chain;
  if (leaf === undefined) return 'it shows no certificate';
  if (rest.length > 0) return 'it shows several certificates, but the map names one by its hash';
  if (createHash('sha256').update(leaf.raw).digest('hex') !== wanted.toLowerCase())
    return 'its certificate is not the one that the map names';
  return undefined;
}

async function checkStun(node: DerpNode, clock: Clock): Promise<Finding> {
  const port = node.STUNPort === undefined || node.STUNPort === 0 ? 3_478 : node.STUNPort;
  if (port < 0) return { kind: 'off' };
  return timed(clock, (signal) => askStun(dialHost(node), port, clock, signal));
}

function askStun(host: string, port: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const txId = new Uint8Array(randomBytes(TX_ID_BYTES));
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
  let cancel: (() => void) | undefined;
  const answered = new Promise<void>((resolve, reject) => {
    const ask = (): void => {
      socket.send(encodeRequest(txId), port, host, (error) => {
        if (error !== null && error !== undefined) reject(error);
      });
      cancel = clock.after(STUN_RETRY_MS, ask);
    };
    signal.addEventListener('abort', () => reject(new RhumbError('timeout', 'no answer')), { once: true });
    socket.on('error', reject);
    socket.on('message', (datagram) => {
      const response = decodeResponse(datagram);
      if (response !== undefined && equal(response.txId, txId)) resolve();
    });
    ask();
  });
  return answered.finally(() => {
    cancel?.();
    socket.close();
  });
}
