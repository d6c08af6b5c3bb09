/** `/api/v1/policy` and `/api/v1/health` (coordination-server.md §12). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { JudgementJson } from '../../admin/policy-json.ts';
import { empty, endpoint } from '../endpoint.ts';
import { NO_TIME } from '../v2/common.ts';

const tag = 'v1 policy';
const result = z.object({ policy: z.string(), updatedAt: z.string() });
const body = z.object({ policy: z.string().max(4 << 20) });

function refuseErrors({ errors }: JudgementJson): void {
  const [first] = errors;
  if (first !== undefined)
    throw new RhumbError('bad-argument', `line ${first.line}, column ${first.column}: ${first.message}`);
}

export const v1PolicyEndpoints = [
  endpoint({
    ...{
      method: 'GET',
      path: '/api/v1/policy',
      need: 'policy_file:read',
      tag,
      summary: 'Show the policy',
      result,
    },
    run: async (asked) => {
      const { text, version } = await asked.call('policy.get', {});
      return { policy: text, updatedAt: version?.created_at ?? NO_TIME };
    },
  }),
  endpoint({
    ...{
      method: 'PUT',
      path: '/api/v1/policy',
      need: 'policy_file',
      tag,
      summary: 'Set the policy',
      body,
      result,
    },
    run: async (asked, { body }) => {
      const outcome = await asked.call('policy.set', { text: body.policy, confirm: true });
      refuseErrors(outcome);
      const { text, version } = await asked.call('policy.get', {});
      return { policy: text, updatedAt: version?.created_at ?? NO_TIME };
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/policy/check', need: 'policy_file:read', tag, body, result: empty },
    summary: 'Judge a policy',
    run: async (asked, { body }) => {
      refuseErrors(await asked.call('policy.check', { text: body.policy }));
      return {};
    },
  }),
  endpoint({
    ...{
      method: 'GET',
      path: '/api/v1/health',
      need: 'none',
      tag: 'v1 health',
      summary: 'Whether the database answers',
    },
    result: z.object({ databaseConnectivity: z.boolean() }),
    run: async ({ deps }) => {
      await deps.network.auditLog({ limit: 1 });
      return { databaseConnectivity: true };
    },
  }),
];
