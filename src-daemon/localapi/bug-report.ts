/** `bugreport`: a marker in the log that a person can name, with what helps to understand it (localapi-and-daemon.md §2.1). */
import { randomBytes } from 'node:crypto';
import type { Call } from './call.ts';
import { goBool } from './params.ts';

const MAX_NOTE = 1_024;
const RECORD_MS = 12 * 3_600_000;
/** What is recorded in more words while a report is. */
const RECORDED = ['magicsock'] as const;

/** `BUG-<log id>-<UTC time>-<16 hex digits>`. */
export function bugMarker(logId: string, nowMs: number, unique: string): string {
  const time = new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  return `BUG-${logId}-${time}-${unique}`;
}

/** Without a log there is nothing to look up. */
const NO_LOG = 'BUG-NO-LOGS-NO-SUPPORT-this-node-has-had-its-logging-disabled';

export async function bugReport(call: Call): Promise<void> {
  const { query, response, request, signal, logs, log, clock } = call;
  const marker = (): string =>
    logs === undefined ? NO_LOG : bugMarker(logs.id, clock.now(), randomBytes(8).toString('hex'));
  const first = marker();
  log('info', 'bugreport.begin', { marker: first, note: query.get('note')?.slice(0, MAX_NOTE) });
  log('info', 'bugreport.facts', facts(call));
  if (goBool(query.get('diagnose'), false)) log('info', 'bugreport.diagnosis', diagnosis(call));
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.write(`${first}\n`);
  if (goBool(query.get('record'), false)) {
    for (const component of RECORDED) logs?.verbose(component, RECORD_MS);
    try {
      // The person ends the recording by ending the request's body; who forgets it doesn't keep it for ever.
      await ended(request, AbortSignal.any([signal, AbortSignal.timeout(RECORD_MS)]));
    } finally {
      for (const component of RECORDED) logs?.verbose(component, 0);
    }
    const last = marker();
    log('info', 'bugreport.end', { marker: last });
    response.write(`${last}\n`);
  }
  response.end();
}

/** Any byte or the end of the body. */
function ended(request: Call['request'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      for (const event of ['data', 'end', 'close'] as const) request.off(event, done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    for (const event of ['data', 'end', 'close'] as const) request.on(event, done);
    if (signal.aborted || request.readableEnded) done();
  });
}

function facts({ backend, version }: Call): Record<string, unknown> {
  const { map } = backend;
  return {
    version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    uptimeS: Math.round(process.uptime()),
    residentBytes: process.memoryUsage.rss(),
    state: backend.state,
    health: backend.health.visible().map(({ code }) => code),
    self:
      map === undefined
        ? undefined
        : {
            id: String(map.self.ID),
            stableId: map.self.StableID,
            expiresAt: map.self.KeyExpiry,
            key: map.nodeKey,
          },
    peers: map?.peers.size ?? 0,
  };
}

function diagnosis({ backend, clientMetrics }: Call): Record<string, unknown> {
  const plane = backend.wishedPlane;
  return {
    routes: plane?.routes.slice(0, 1_000),
    localRoutes: plane?.localRoutes.slice(0, 1_000),
    metrics: clientMetrics
      .text()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  };
}
