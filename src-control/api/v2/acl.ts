/** `/tailnet/{t}/acl`: the policy as JSON or HuJSON, changed only by who has seen the one in force (coordination-server.md §13.4). */
import { createHash } from 'node:crypto';
import { type ParseError, parse } from 'jsonc-parser';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { DiagnosticJson, JudgementJson } from '../../admin/policy-json.ts';
import { type Asked, endpoint, RawAnswer } from '../endpoint.ts';
import { HttpFailure } from '../errors.ts';
import { checkTailnet, inTailnet } from './common.ts';

/** What is in force where nobody has set a policy: everybody may reach everybody. */
const DEFAULT_POLICY = `{
	// Nobody has set a policy yet: every machine may reach every other.
	"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],
}
`;
const TS_DEFAULT = 'ts-default';
const HUJSON = 'application/hujson';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Current {
  readonly text: string;
  /** As `policy.set` compares it. */
  readonly etag: string;
  readonly isDefault: boolean;
}

async function current(asked: Asked, t: string): Promise<Current> {
  checkTailnet(asked, t);
  const { text, etag, version } = await asked.call('policy.get', {});
  return version === null && text === ''
    ? { text: DEFAULT_POLICY, etag, isDefault: true }
    : { text, etag, isDefault: false };
}

/** Comments and trailing commas taken out; a text that can't be read stays as it is. */
function asJson(text: string): string {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  return errors.length === 0 ? JSON.stringify(value, null, 2) : text;
}

const tagOf = ({ text, etag, isDefault }: Current): string => `"${isDefault ? sha256(text) : etag}"`;

const wantsHujson = (accept: string | undefined): boolean => (accept ?? '').includes(HUJSON);

function show(asked: Asked, policy: Current, isDetailed: boolean): unknown {
  const etag = tagOf(policy);
  if (isDetailed) {
    const body = { acl: Buffer.from(policy.text).toString('base64'), warnings: [], errors: null };
    return new RawAnswer(JSON.stringify(body), { 'content-type': 'application/json', etag });
  }
  // Clients that send HuJSON read it as well.
  const isHujson = wantsHujson(asked.header('accept')) || wantsHujson(asked.header('content-type'));
  return isHujson
    ? new RawAnswer(policy.text, { 'content-type': HUJSON, etag })
    : new RawAnswer(asJson(policy.text), { 'content-type': 'application/json', etag });
}

/** JSON on one line is laid out, as people will read it. */
const laidOut = (text: string): string => {
  if (text.includes('\n')) return text;
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch {
    return text; // what is wrong with it is said where it is judged
  }
};

const lineOf = ({ line, column, message }: DiagnosticJson): string =>
  `line ${line}, column ${column}: ${message}`;

function failureOf({ errors }: JudgementJson): { message: string; data: { errors: string[] }[] } | undefined {
  const [first] = errors;
  if (first === undefined) return undefined;
  return { message: lineOf(first), data: [{ errors: errors.map(lineOf) }] };
}

/** `"…"`, `W/"…"`, or bare. */
const bare = (tag: string): string => tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');

function refuseStale(asked: Asked, policy: Current): void {
  const wanted = asked.header('if-match');
  if (wanted === undefined || wanted.trim() === '*') return;
  const isKnown = bare(wanted) === bare(tagOf(policy)) || (policy.isDefault && bare(wanted) === TS_DEFAULT);
  if (!isKnown) throw stale();
}

const stale = (): HttpFailure =>
  new HttpFailure({
    ...{ status: 412, code: 'precondition', message: 'precondition failed, invalid old hash' },
  });

async function set(asked: Asked, policy: Current, text: string): Promise<void> {
  refuseStale(asked, policy);
  const isConditional = asked.header('if-match') !== undefined && asked.header('if-match')?.trim() !== '*';
  const outcome = await asked
    .call('policy.set', {
      ...{ text: laidOut(text), confirm: true },
      // What was compared above may have been changed meanwhile.
      ...(isConditional ? { ifMatch: policy.etag } : {}),
    })
    .catch((error: unknown) => {
      throw isConditional && error instanceof RhumbError && error.code === 'conflict' ? stale() : error;
    });
  const failure = failureOf(outcome);
  if (failure !== undefined)
    throw new HttpFailure({
      ...{ status: 400, code: 'bad-argument', message: failure.message },
      details: failure.data[0]?.errors,
    });
}

/** The policy in force with other tests in it. */
function withTests(text: string, tests: unknown): string {
  const value: unknown = parse(text, [], { allowTrailingComma: true });
  return JSON.stringify(
    typeof value === 'object' && value !== null ? { ...value, tests } : { tests },
    null,
    2,
  );
}

const path = '/api/v2/tailnet/:t/acl';
const tag = 'Policy';
const policySchema = z.unknown().meta({ description: 'a policy, as JSON or HuJSON' });
const rawBody = z.string();

export const aclEndpoints = [
  endpoint({
    ...{ method: 'GET', path, need: 'policy_file:read', tag, params: inTailnet, result: policySchema },
    summary: 'Show the policy: HuJSON when that is accepted, else JSON',
    query: z.object({ details: z.string().optional() }),
    run: async (asked, { params, query }) =>
      show(asked, await current(asked, params.t), query.details === 'true' || query.details === '1'),
  }),
  endpoint({
    ...{ method: 'POST', path, need: 'policy_file', tag, params: inTailnet, result: policySchema },
    ...{ summary: 'Set the policy; If-Match says which one was seen before', body: rawBody, isRaw: true },
    run: async (asked, { params, body }) => {
      await set(asked, await current(asked, params.t), body);
      return show(asked, await current(asked, params.t), false);
    },
  }),
  endpoint({
    ...{ method: 'POST', path: `${path}/validate`, need: 'policy_file:read', tag, params: inTailnet },
    ...{ summary: 'Judge a policy, or tests against the one in force', body: rawBody, isRaw: true },
    result: z.object({ message: z.string().optional(), data: z.array(z.unknown()).optional() }),
    run: async (asked, { params, body }) => {
      const policy = await current(asked, params.t);
      const value: unknown = parse(body, [], { allowTrailingComma: true });
      const text = Array.isArray(value) ? withTests(policy.text, value) : body;
      return failureOf(await asked.call('policy.check', { text })) ?? {};
    },
  }),
  endpoint({
    ...{ method: 'POST', path: `${path}/preview`, need: 'policy_file:read', tag, params: inTailnet },
    ...{
      summary: 'Which rules of a policy concern a user, or an address and port',
      body: rawBody,
      isRaw: true,
    },
    query: z.object({ type: z.enum(['user', 'ipport']), previewFor: z.string().min(1).max(512) }),
    result: z.object({
      matches: z.array(
        z.object({ users: z.array(z.string()), ports: z.array(z.string()), lineNumber: z.int() }),
      ),
      ...{ type: z.string(), previewFor: z.string() },
    }),
    run: async (asked, { params, query: { type, previewFor }, body }) => {
      const policy = await current(asked, params.t);
      const text = body.trim() === '' ? policy.text : body;
      const { matches } = await asked.call('policy.preview', { type, for: previewFor, text });
      return {
        matches: matches.map(({ users, ports, line }) => ({ users, ports, lineNumber: line })),
        ...{ type, previewFor },
      };
    },
  }),
];
