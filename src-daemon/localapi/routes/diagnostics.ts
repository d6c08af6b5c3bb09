/** Routes for people who look after the daemon: figures, reports, logs, profiles of its work (localapi-and-daemon.md §2.1). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { readJson } from '../body.ts';
import { bugReport } from '../bug-report.ts';
import type { Call } from '../call.ts';
import { ClientCounters, metricUpdates } from '../client-counters.ts';
import { cpuProfile, heapSnapshot } from '../profiler.ts';
import { sendError, sendJson, sendNothing, sendText } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';
import { runtimeText } from '../runtime-text.ts';
import { streamLines } from '../stream.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

export const diagnosticsRoutes: RouteTable = {
  metrics: write('metric', ['GET', 'HEAD'], ({ clientMetrics, response }) =>
    sendText(response, clientMetrics.text(), 200, PROMETHEUS),
  ),
  usermetrics: read('usermetrics', ['GET', 'HEAD'], ({ userMetrics, response }) =>
    sendText(response, userMetrics.text(), 200, PROMETHEUS),
  ),
  goroutines: write('goroutine dump', ['GET'], ({ response }) => sendText(response, runtimeText())),
  pprof: write('profile', ['GET'], profile),
  bugreport: read('bugreport', ['POST'], bugReport),
  logtap: write('logtap', ['GET'], logTap),
  'debug-log': read('debug-log', ['POST'], debugLog),
  'component-debug-logging': write('debug', ['GET', 'POST'], componentLogging),
  'upload-client-metrics': read('upload-client-metrics', ['POST'], uploadMetrics),
};

const MAX_PROFILE_S = 300;
const DEFAULT_PROFILE_S = 30;

async function profile({ actor, query, response, signal }: Call): Promise<void> {
  const name = query.get('name') ?? '';
  const seconds = Number(query.get('seconds') ?? DEFAULT_PROFILE_S);
  if (name === 'profile') {
    if (!Number.isFinite(seconds) || seconds <= 0 || seconds > MAX_PROFILE_S)
      throw new RhumbError('bad-argument', `'seconds' must be between 1 and ${MAX_PROFILE_S}`);
    const text = await cpuProfile(seconds * 1_000, signal);
    sendText(response, text, 200, 'application/json');
  } else if (name === 'heap') {
    // All that is in our memory, keys included.
    if (!actor.isAdmin) throw new RhumbError('not-allowed', 'memory access denied');
    response.writeHead(200, { 'Content-Type': 'application/json' });
    await heapSnapshot(response, signal);
  } else {
    sendText(response, "unknown profile: want 'profile' or 'heap'", 503);
  }
}

/** A tap that is slow loses lines, the daemon never waits for it. */
async function logTap({ logs, response, signal }: Call): Promise<void> {
  if (logs === undefined) {
    sendText(response, 'this daemon keeps no log', 503);
    return;
  }
  await streamLines(response, signal, (line) => {
    line(`{"text":"[logtap connected]\\n"}`);
    return logs.tap(line);
  });
}

const logRequest = z.object({
  Lines: z
    .array(z.string().max(4_096))
    .max(1_000)
    .nullish()
    .transform((value) => value ?? []),
  Prefix: z
    .string()
    .max(64)
    .nullish()
    .transform((value) => (value === null || value === undefined || value === '' ? 'debug-log' : value)),
});

async function debugLog({ log, request, response }: Call): Promise<void> {
  const parsed = logRequest.safeParse(await readJson(request));
  if (!parsed.success) throw new RhumbError('bad-argument', 'invalid JSON body');
  const { Lines, Prefix } = parsed.data;
  for (const text of Lines) log('info', 'client.said', { prefix: Prefix, text });
  sendNothing(response, 204);
}

const MAX_LOGGING_S = 7 * 86_400;

/** Always 200: the answer is in the body. */
function componentLogging({ logs, query, response }: Call): void {
  const component = query.get('component') ?? '';
  const seconds = Number(query.get('secs') ?? '0');
  const known = logs?.components ?? [];
  if (logs === undefined || !known.includes(component)) {
    const names = known.length === 0 ? '' : `; known are ${[...known].sort().join(', ')}`;
    const text = `unknown component ${JSON.stringify(component.slice(0, 64))}${names}`;
    sendError(response, 200, text);
    return;
  }
  const isOn = Number.isFinite(seconds) && seconds > 0;
  logs.verbose(component, isOn ? Math.min(seconds, MAX_LOGGING_S) * 1_000 : 0);
  sendJson(response, { Error: '' });
}

const counters = new WeakMap<object, ClientCounters>();

async function uploadMetrics({ clientMetrics, request, response }: Call): Promise<void> {
  const parsed = metricUpdates.safeParse(await readJson(request));
  if (!parsed.success) throw new RhumbError('bad-argument', 'invalid JSON body');
  let mine = counters.get(clientMetrics);
  if (mine === undefined) {
    mine = new ClientCounters(clientMetrics);
    counters.set(clientMetrics, mine);
  }
  for (const update of parsed.data) mine.update(update);
  sendJson(response, {});
}
