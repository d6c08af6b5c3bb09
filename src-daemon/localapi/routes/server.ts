/** Routes that only the coordination server can answer: this daemon carries the question there and back (localapi-and-daemon.md §2.1). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { answerJson, refusalText } from '../../control/node-calls.ts';
import { readJson } from '../body.ts';
import type { Call } from '../call.ts';
import { mapOf } from '../map.ts';
import { sendError, sendJson } from '../reply.ts';
import { post, type RouteTable, read, write } from '../route.ts';

export const serverRoutes: RouteTable = {
  'id-token': write('id-token', ['GET', 'POST'], idToken),
  'query-feature': read('query-feature', ['POST'], queryFeature),
  'alpha-set-device-attrs': write('set-device-attrs', ['PATCH'], setDeviceAttrs),
  'set-dns': post('set-dns', setDns),
};

const MAX_PARAMETER = 1_024;

function parameter({ query }: Call, name: string, missing: string): string {
  const text = (query.get(name) ?? '').trim();
  if (text === '') throw new RhumbError('bad-argument', missing);
  if (text.length > MAX_PARAMETER) throw new RhumbError('bad-argument', `'${name}' is too long`);
  return text;
}

type Request = Parameters<Call['backend']['askServer']>[0];

/** The server's own status and JSON, or its refusal in words. */
async function relay({ backend, response, signal }: Call, request: Request): Promise<void> {
  const answer = await backend.askServer(request, signal);
  const refusal = refusalText(answer);
  if (refusal === undefined) sendJson(response, answerJson(answer));
  // Nothing but an error of the server may look like one of its successes; redirects end here.
  else sendError(response, answer.status >= 400 ? answer.status : 502, refusal);
}

async function idToken(call: Call): Promise<void> {
  mapOf(call.backend);
  await relay(call, { kind: 'id-token', audience: parameter(call, 'aud', 'no audience requested') });
}

async function queryFeature(call: Call): Promise<void> {
  const feature = parameter(call, 'feature', 'missing feature');
  mapOf(call.backend);
  await relay(call, { kind: 'query-feature', feature });
}

/** Null deletes an attribute. */
const attributes = z.record(
  z.string().min(1).max(256),
  z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]),
);

async function setDeviceAttrs({ backend, request, response, signal }: Call): Promise<void> {
  const parsed = attributes.safeParse(await readJson(request));
  if (!parsed.success)
    throw new RhumbError('bad-argument', 'attributes are an object of strings, numbers, booleans and nulls');
  await succeed(backend, { kind: 'set-device-attrs', update: parsed.data }, signal);
  sendJson(response, {});
}

async function setDns(call: Call): Promise<void> {
  const { backend, response, signal } = call;
  const name = parameter(call, 'name', "missing 'name'");
  const value = parameter(call, 'value', "missing 'value'");
  await succeed(backend, { kind: 'set-dns', name, value }, signal);
  sendJson(response, {});
}

async function succeed(backend: Call['backend'], request: Request, signal: AbortSignal): Promise<void> {
  const refusal = refusalText(await backend.askServer(request, signal));
  if (refusal !== undefined) throw new RhumbError('unavailable', refusal);
}
