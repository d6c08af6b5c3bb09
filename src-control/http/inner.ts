/** The API inside the control channel: HTTP/2 requests of a machine whose key the handshake proved (control-protocol.md §4.1). */
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type NodeKey, shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { Ts2021Peer } from '#shared/node/ts2021-server.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { type MapRequest, mapRequest } from '#shared/wire/map.ts';
import { type RegisterRequest, registerRequest } from '#shared/wire/register.ts';
import { type RegisterDeps, register } from '../auth/register.ts';
import type { Hub } from '../mapper/hub.ts';
import type { SshCheck } from '../ssh-check/ssh-check.ts';
import { readMapFacts, usableObserved } from '../state/map-facts.ts';
import type { NodeView } from '../state/network.ts';
import { Answers } from './answers.ts';
import { parseBody, TooLarge } from './body.ts';
import { http2Sink } from './http2-sink.ts';
import { Intake } from './intake.ts';
import { askedBy, type MachineCalls } from './machine-call.ts';
import { sshAskingOf } from './ssh-action.ts';

export interface InnerDeps {
  readonly register: RegisterDeps;
  readonly hub: Hub;
  readonly log: Log;
  /** Clients below it get 400 and are told to update. */
  readonly minVersion: number;
  /** Offer the address a machine's control connection comes from to its peers. */
  readonly offerObserved: boolean;
  /** While the database takes nothing, machines are asked to come again: what they were told before stays with them. */
  readonly isWritable: () => Promise<boolean>;
  readonly calls: MachineCalls;
  readonly sshCheck: SshCheck;
}

const MAX_BODY = 1 << 20;
/** A session that carries nothing for so long is ended; its client dials anew when it has something to say. */
const IDLE_MS = 300_000;
const RETRY_AFTER_S = '5';
/** Shown to users; clients cut it at 200 bytes. */
const NOT_FOUND = 'node not found: sign in again';

class HttpFailure extends Error {
  override name = 'HttpFailure';
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** Where a request comes from: who, as the handshake proved it, and what else the same session is sending. */
interface Origin {
  readonly peer: Ts2021Peer;
  readonly intake: Intake;
  readonly answers: Answers;
}

/** Serves one HTTP/2 session until it ends. */
export function serveSession(deps: InnerDeps, session: ServerHttp2Session, peer: Ts2021Peer): void {
  const { clock } = deps.register;
  const origin = { peer, intake: new Intake(clock), answers: new Answers(clock) };
  const endWhenIdle = (): (() => void) => clock.after(IDLE_MS, () => session.destroy());
  let cancelIdle = endWhenIdle();
  let open = 0;
  session.once('close', () => cancelIdle());
  session.on('stream', (stream, headers) => {
    cancelIdle();
    open += 1;
    stream.once('close', () => {
      open -= 1;
      if (open === 0 && !session.destroyed) cancelIdle = endWhenIdle();
    });
    // A client that resets its stream is no event; 'close' follows and does what there is to do.
    stream.on('error', () => undefined);
    serveStream(deps, stream, headers, origin).catch((error: unknown) =>
      answerFailure(deps, stream, headers, error),
    );
  });
}

async function serveStream(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  origin: Origin,
): Promise<void> {
  const path = (headers[':path'] ?? '').split('?', 1)[0] ?? '';
  const isPost = headers[':method'] === 'POST';
  if (path === '/machine/register' && isPost) return serveRegister(deps, stream, origin);
  if (path === '/machine/map' && isPost) return serveMap(deps, stream, origin);
  if (path.startsWith('/machine/ssh/action/')) return serveSshAction(deps, stream, headers, origin);
  const isCall = Object.hasOwn(deps.calls, path);
  if (isCall && isPost) return serveCall(deps, stream, origin, path);
  stream.resume();
  if (path === '/machine/register' || path === '/machine/map' || isCall)
    throw new HttpFailure(405, 'use POST');
  if (path.startsWith('/machine/')) throw new HttpFailure(501, 'this server does not offer that');
  throw new HttpFailure(404, 'no such path');
}

function tooMany({ register: { meter } }: InnerDeps): HttpFailure {
  meter?.count('rate_limited', { surface: 'machine' });
  return new HttpFailure(503, 'too many requests at once');
}

async function parsed<T>(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  intake: Intake,
  schema: z.ZodType<T>,
): Promise<T> {
  const body = await intake.read(stream, MAX_BODY);
  if (body === undefined) throw tooMany(deps);
  const result = schema.safeParse(parseBody(body));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HttpFailure(
    400,
    `malformed request: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 200),
  );
}

function requireVersion(deps: InnerDeps, version: number): void {
  if (version < deps.minVersion)
    throw new HttpFailure(
      400,
      `this client is too old (capability version ${version}, need ${deps.minVersion}): update it`,
    );
}

async function requireStorage(deps: InnerDeps): Promise<void> {
  if (!(await deps.isWritable()))
    throw new HttpFailure(503, 'the server can not write anything down for now: try again in a moment');
}

async function serveRegister(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  { peer, intake }: Origin,
): Promise<void> {
  const request: RegisterRequest = await parsed(deps, stream, intake, registerRequest);
  requireVersion(deps, request.Version);
  await requireStorage(deps);
  const { NodeKey } = request;
  if (NodeKey === undefined) throw new HttpFailure(400, 'malformed request: no NodeKey');
  if (isGone(stream)) return;
  const gone = new AbortController();
  stream.once('close', () => gone.abort(new RhumbError('unavailable', 'the client went away')));
  const caller = { machineKey: peer.machineKey, remoteAddress: peer.remoteAddress };
  const answer = await register(deps.register, { ...request, NodeKey }, caller, gone.signal);
  respond(stream, 200, stringifyJson(answer), 'application/json');
}

async function serveMap(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  { peer, intake, answers }: Origin,
): Promise<void> {
  const request: MapRequest = await parsed(deps, stream, intake, mapRequest);
  requireVersion(deps, request.Version);
  await requireStorage(deps);
  const view = knownNode(deps, request.NodeKey, peer);
  const facts = readMapFacts(request);
  const isCompressed = request.Compress === 'zstd';
  const isReadOnly = request.ReadOnly === true;
  if (request.Stream === true && !isReadOnly) {
    if (isGone(stream)) return;
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
    await deps.hub.open(
      {
        nodeId: view.record.id,
        nodeKey: view.record.nodeKey,
        discoKey: request.DiscoKey,
        instance: facts.instance,
        capver: request.Version,
        isCompressed,
        wantsKeepAlive: request.KeepAlive === true,
        sink: http2Sink(stream),
      },
      facts,
      deps.offerObserved ? usableObserved(peer.remoteAddress) : undefined,
    );
    return;
  }
  if (!isReadOnly) await deps.hub.update(view.record.id, facts);
  if (request.OmitPeers === true && !isReadOnly) return respond(stream, 200, '', 'application/octet-stream');
  if (isGone(stream)) return;
  if (!answers.admit(stream)) throw tooMany(deps);
  const frame = await deps.hub.oneShot(
    view.record.id,
    request.Version,
    isCompressed,
    request.OmitPeers !== true,
  );
  respond(stream, 200, frame, 'application/octet-stream');
}

async function serveCall(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  { peer, intake }: Origin,
  path: string,
): Promise<void> {
  const body = await parsed(deps, stream, intake, askedBy);
  const { record } = knownNode(deps, body.NodeKey, peer);
  const answer = await deps.calls[path]?.(record, body);
  respond(stream, 200, stringifyJson(answer ?? {}), 'application/json');
}

/** May take as long as somebody needs to sign in; the client asks again when it is cut. */
async function serveSshAction(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { peer }: Origin,
): Promise<void> {
  stream.resume();
  if (headers[':method'] !== 'GET') throw new HttpFailure(405, 'use GET');
  const asking = sshAskingOf(headers[':path'] ?? '');
  if (asking === undefined || asking === 'malformed') throw new HttpFailure(400, 'malformed request');
  if (isGone(stream)) return;
  const gone = new AbortController();
  stream.once('close', () => gone.abort(new RhumbError('unavailable', 'the client went away')));
  const own = [...deps.register.network.nodesOfMachine(peer.machineKey)].map(({ record }) => record);
  try {
    const action = await deps.sshCheck.actionFor(own, asking, gone.signal);
    respond(stream, 200, stringifyJson(action), 'application/json');
  } catch (error) {
    if (!(error instanceof RhumbError) || error.code !== 'not-allowed') throw error;
    deps.log('warn', 'ssh.refused', { machine: shortKey(peer.machineKey), why: error.message });
    throw new HttpFailure(401, error.message);
  }
}

/** Unknown keys and those of another machine look the same from outside. */
function knownNode(deps: InnerDeps, key: NodeKey | undefined, peer: Ts2021Peer): NodeView {
  const view = key === undefined ? undefined : deps.register.network.nodeByKey(key);
  if (view === undefined) throw new HttpFailure(404, NOT_FOUND);
  if (view.record.machineKey !== peer.machineKey) {
    deps.log('warn', 'map.wrong-machine', { node: view.record.id, machine: shortKey(peer.machineKey) });
    throw new HttpFailure(404, NOT_FOUND);
  }
  return view;
}

/** Reset by the peer: Node calls such a stream closed some time before it destroys it, and refuses answers from then on. */
const isGone = (stream: ServerHttp2Stream): boolean => stream.destroyed || stream.closed;

function respond(stream: ServerHttp2Stream, status: number, body: string | Uint8Array, type: string): void {
  if (isGone(stream) || stream.headersSent) return;
  stream.respond({
    ...{ ':status': status, 'content-type': type },
    ...(status === 503 ? { 'retry-after': RETRY_AFTER_S } : {}),
  });
  stream.end(body);
}

function answerFailure(
  deps: InnerDeps,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  error: unknown,
): void {
  if (isGone(stream)) return;
  const [status, text] = statusOf(error);
  if (status >= 500 && status !== 501) deps.log('error', 'request.failed', { path: headers[':path'], error });
  if (stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else respond(stream, status, `${text}\n`, 'text/plain; charset=utf-8');
  // What is left of a body that was too large must not be waited for.
  if (error instanceof TooLarge) stream.close(constants.NGHTTP2_NO_ERROR);
}

function statusOf(error: unknown): readonly [number, string] {
  if (error instanceof HttpFailure) return [error.status, error.message];
  if (error instanceof TooLarge) return [413, error.message];
  if (error instanceof RhumbError && error.code === 'bad-argument') return [400, error.message];
  if (error instanceof RhumbError && error.code === 'not-allowed') return [403, error.message];
  if (error instanceof RhumbError && error.code === 'unavailable') return [503, error.message];
  if (error instanceof RhumbError && error.code === 'timeout') return [504, error.message];
  return [500, 'the server failed; its log says why'];
}
