/** The relay as a program: from its options to a running relay, what it does on SIGHUP, and its end. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Clock, Random } from '#shared/async/clock.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { RateLimit } from './core/server.ts';
import type { RelayOptions } from './flags.ts';
import { DEFAULT_GATE } from './front/accept-gate.ts';
import { allOf, type Verify, verifyByDaemon, verifyByUrl } from './front/admission.ts';
import {
  type CertificateSource,
  fileCertificate,
  manualFiles,
  selfCertificate,
} from './front/certificates.ts';
import { loadOrMakeKey, readMeshKey } from './front/key-file.ts';
import { dialMesh } from './front/mesh-dial.ts';
import { type OpenRelay, openRelay } from './front/open-relay.ts';
import { pinOf } from './front/self-certificate.ts';

export interface ProgramDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningRelay extends AsyncDisposable {
  readonly relay: OpenRelay;
  /** The node of a relay map that stands for this relay. */
  readonly mapNode: object;
  /** Reads again what may change while it runs; a failure keeps what there was. */
  reload(): Promise<void>;
}

/** Descriptors for everything but clients. */
const RESERVED_FILES = 256;

export async function startRelay(options: RelayOptions, deps: ProgramDeps): Promise<RunningRelay> {
  const { log } = deps;
  await using stack = new AsyncDisposableStack();
  const privateKey =
    options.keyFile === undefined ? generatePrivate() : await loadOrMakeKey(options.keyFile, log);
  const meshKey = options.meshKeyFile === undefined ? undefined : await readMeshKey(options.meshKeyFile);
  const rate = options.rateConfigFile === undefined ? undefined : await readRate(options.rateConfigFile);
  const certificates = await openCertificates(options, deps);
  if (certificates !== undefined) stack.use(certificates);
  const relay = await openRelay({
    ...deps,
    privateKey,
    meshKey,
    rate,
    verify: verifyOf(options, deps),
    servesDerp: options.servesDerp,
    listen: {
      address: options.listen,
      certificates,
      http:
        options.httpPort === undefined ? undefined : { host: options.listen.host, port: options.httpPort },
      hostName: options.hostName,
      gate: { ...DEFAULT_GATE, perSecond: options.acceptPerSecond, burst: options.acceptBurst },
      maxConnections: await connectionLimit(),
    },
    stun: {
      host: options.listen.host,
      ports: options.stunPorts,
      answersGeneric: options.answersGenericStun,
    },
    home: options.home,
    bootstrapNames: options.bootstrapNames,
    unpublishedNames: options.unpublishedNames,
  });
  stack.use(relay);
  const meshing = new AbortController();
  stack.defer(() => meshing.abort());
  for (const target of options.meshWith)
    relay.core
      .meshWith({ name: target.host, dial: (signal) => dialMesh(target, signal) }, meshing.signal)
      .catch((error: unknown) => log('error', 'mesh.failed', { relay: target.host, error }));
  const owned = stack.move();
  return {
    relay,
    mapNode: mapNode(options, relay, certificates),
    reload: () => reload(options, deps, relay, certificates),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openCertificates(
  options: RelayOptions,
  { clock, log }: ProgramDeps,
): Promise<CertificateSource | undefined> {
  const { tls } = options;
  if (tls === undefined) return undefined;
  switch (tls.mode) {
    case 'manual':
      return fileCertificate({ ...manualFiles(tls.folder, tls.host), host: tls.host, clock, log });
    case 'self':
      return selfCertificate(tls.folder, tls.host, clock.now());
    case 'letsencrypt': {
      // A heavy library that no other mode needs.
      const { openAcme } = await import('./front/acme.ts');
      return openAcme({ folder: tls.folder, host: tls.host, ...tls.acme, clock, log });
    }
    default:
      return tls.mode satisfies never;
  }
}

function verifyOf(options: RelayOptions, { clock, log }: ProgramDeps): Verify | undefined {
  const checks: Verify[] = [];
  if (options.verifyBySocket !== undefined) checks.push(verifyByDaemon(options.verifyBySocket, clock, log));
  if (options.verifyUrl !== undefined)
    checks.push(verifyByUrl({ url: options.verifyUrl, isFailOpen: options.isVerifyFailOpen, log }));
  return allOf(checks);
}

async function reload(
  options: RelayOptions,
  { log }: ProgramDeps,
  relay: OpenRelay,
  certificates: CertificateSource | undefined,
): Promise<void> {
  await certificates?.reload();
  if (options.rateConfigFile === undefined) return;
  try {
    const rate = relay.core.setRate(await readRate(options.rateConfigFile));
    log('info', 'rate.reloaded', { ...rate });
  } catch (error) {
    log('warn', 'rate.reload-failed', { error: toRhumbError(error).message });
  }
}

const rateFile = z.looseObject({
  PerClientRateLimitBytesPerSec: z.int().min(0).optional(),
  PerClientRateBurstBytes: z.int().min(0).optional(),
});

/** Undefined = no limit: a rate that is missing or zero. */
async function readRate(file: string): Promise<RateLimit | undefined> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't use the rate limits in ${file}: ${why}`, { cause });
  }
  const parsed = rateFile.safeParse(json);
  if (!parsed.success)
    throw new RhumbError(
      'bad-argument',
      `can't use the rate limits in ${file}: want {"PerClientRateLimitBytesPerSec": n, "PerClientRateBurstBytes": n}`,
    );
  const bytesPerS = parsed.data.PerClientRateLimitBytesPerSec ?? 0;
  return bytesPerS === 0 ? undefined : { bytesPerS, burstBytes: parsed.data.PerClientRateBurstBytes ?? 0 };
}

/** What the system allows this process, less what it needs itself. */
async function connectionLimit(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const soft = Number(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? '65536');
  return Math.max(RESERVED_FILES, soft - RESERVED_FILES);
}

function mapNode(
  options: RelayOptions,
  relay: OpenRelay,
  certificates: CertificateSource | undefined,
): object {
  const port = relay.front?.port ?? options.listen.port;
  const [stun] = relay.stun?.ports ?? [];
  const pair = certificates?.current;
  const host = options.hostName ?? 'localhost';
  return {
    Name: '900a',
    RegionID: 900,
    HostName: host,
    ...(isIP(host) === 4 ? { IPv4: host, IPv6: 'none' } : {}),
    ...(isIP(host) === 6 ? { IPv4: 'none', IPv6: host } : {}),
    ...(options.tls?.mode === 'self' && pair !== undefined ? { CertName: pinOf(pair) } : {}),
    ...(port === 443 ? {} : { DERPPort: port }),
    ...(stun === 3_478 ? {} : { STUNPort: stun ?? -1 }),
  };
}
