/** Routes that look into the running daemon and shake it (localapi-and-daemon.md §2.1). */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import { goTime } from '#shared/localapi/struct.ts';
import type { Call } from '../call.ts';
import { debugAction } from '../debug-action.ts';
import { mapOf } from '../map.ts';
import { goDuration } from '../params.ts';
import type { PlanePart } from '../parts.ts';
import { pcapHeader, pcapRecord } from '../pcap.ts';
import { sendJson } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';
import { streamBytes } from '../stream.ts';

const LOOK = ['GET', 'HEAD', 'POST'] as const;

export const debugRoutes: RouteTable = {
  debug: write('debug', ['POST'], debugAction),
  'debug-derp-region': write('debug', ['POST'], derpRegion),
  'debug-portmap': write('debug', ['GET', 'POST'], portMap),
  'debug-capture': write('debug', ['POST'], capture),
  'debug-peer-endpoint-changes': read('status', LOOK, endpointChanges),
  'debug-packet-filter-rules': write('debug', LOOK, ({ backend, response }) =>
    sendJson(response, knownMap(backend).filter ?? null),
  ),
  'debug-packet-filter-matches': write('debug', LOOK, ({ backend, response }) => {
    knownMap(backend);
    sendJson(response, backend.wishedPlane?.filter ?? null);
  }),
  /** Ours: each rule with what it let through, what was refused and why. */
  'rhumb/filter': write('debug', ['GET'], ({ plane, response }) =>
    sendJson(response, microscope(plane).filterReport()),
  ),
  'debug-optional-features': read('debug', LOOK, ({ response }) => sendJson(response, { Features: {} })),
};

function knownMap(backend: Call['backend']): NonNullable<Call['backend']['map']> {
  if (backend.map === undefined) throw new RhumbError('not-found', 'no netmap');
  return mapOf(backend);
}

function microscope(plane: PlanePart | undefined): PlanePart {
  if (plane === undefined) throw new RhumbError('unavailable', 'this daemon has no data plane to look at');
  return plane;
}

const MAX_REGION = 64;

async function derpRegion({ backend, probes, query, response, signal }: Call): Promise<void> {
  const region = (query.get('region') ?? '').slice(0, MAX_REGION);
  const map = backend.derpMap();
  if (map === undefined || probes === undefined) {
    sendJson(response, { Info: null, Warnings: null, Errors: ['no DERP map (not connected?)'] });
    return;
  }
  const { Info, Warnings, Errors } = await probes.relayRegion(map, region, signal);
  const orNull = (lines: readonly string[]): readonly string[] | null => (lines.length > 0 ? lines : null);
  sendJson(response, { Info: orNull(Info), Warnings: orNull(Warnings), Errors: orNull(Errors) });
}

const MAX_PORTMAP_MS = 600_000;

async function portMap({ probes, clock, query, response, signal }: Call): Promise<void> {
  const forMs = goDuration(query.get('duration'));
  if (forMs === undefined || forMs <= 0)
    throw new RhumbError('bad-argument', "invalid 'duration' parameter: want one such as 5s");
  if ((query.get('type') ?? '') !== '')
    throw new RhumbError('bad-argument', 'routers are asked for all kinds at once: leave the type out');
  const [gateway = '', self = ''] = (query.get('gateway_and_self') ?? '').split('/');
  const isGiven = gateway !== '' || self !== '';
  if (isGiven && (canonicalIp(gateway) === undefined || canonicalIp(self) === undefined))
    throw new RhumbError(
      'bad-argument',
      "invalid 'gateway_and_self' parameter: want two addresses with a slash between",
    );
  if (probes === undefined) throw new RhumbError('unavailable', 'this daemon has no router to ask');
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  const late = new AbortController();
  const cancel = clock.after(Math.min(forMs, MAX_PORTMAP_MS), () => late.abort());
  const say = (line: string): void => void response.write(`${line}\n`);
  try {
    const route = isGiven ? { gateway, self } : undefined;
    await probes.portMapping(route, say, AbortSignal.any([signal, late.signal]));
  } finally {
    cancel();
    response.end();
  }
}

async function capture({ plane, clock, response, signal }: Call): Promise<void> {
  const { capture: tap } = microscope(plane);
  await streamBytes(response, signal, 'application/vnd.tcpdump.pcap', (piece) => {
    piece(pcapHeader());
    return tap((path, packet) => piece(pcapRecord(path, packet, clock.now())));
  });
}

function endpointChanges({ backend, plane, query, response }: Call): void {
  const text = query.get('ip') ?? '';
  if (text === '') throw new RhumbError('bad-argument', "missing 'ip' parameter");
  const ip = canonicalIp(text);
  if (ip === undefined) throw new RhumbError('bad-argument', 'invalid IP');
  const found = backend.whoIs(ip)?.Node;
  if (found?.Key === undefined) throw new RhumbError('unavailable', 'no matching peer');
  if (found.ID === backend.map?.self.ID) throw new RhumbError('unavailable', `${ip} is local Tailscale IP`);
  const changes = microscope(plane).pathChanges(found.Key);
  sendJson(
    response,
    changes.map(({ atMs, what, from, to }) => ({ When: goTime(atMs), What: what, From: from, To: to })),
  );
}
