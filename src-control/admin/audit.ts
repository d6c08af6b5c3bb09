/** Calls about the audit log: looking things up, and whether it is whole. */
import { z } from 'zod';
import { type AuditEvent, auditEvent } from '../audit/event.ts';
import { type ChainVerdict, verifyChain } from '../audit/verify.ts';
import type { AuditQuery } from '../store/records.ts';
import { defineCall } from './call.ts';

const MAX_ROWS = 1_000;
const time = z.int().min(0);
const text = z.string().min(1).max(256);

const query = z.strictObject({
  /** Milliseconds since 1970; `until` is not included. */
  from: time.optional(),
  until: time.optional(),
  /** `origin:id`, such as `console:3`. */
  actor: text.optional(),
  /** `type:id`, such as `node:7`. */
  target: text.optional(),
  action: text.optional(),
  /** For the next page: the `seq` of the last row of this one. */
  beforeSeq: z.int().min(1).optional(),
  limit: z.int().min(1).max(MAX_ROWS).default(100),
});

export interface AuditPage {
  /** Newest first. */
  readonly events: readonly AuditEvent[];
  /** `beforeSeq` of the next page; null when this is the last. */
  readonly next: number | null;
}

export interface AuditVerdictJson {
  readonly ok: boolean;
  readonly rows: number;
  /** `seq:hash` of the newest row. */
  readonly head: string;
  readonly forgotten_up_to: number;
  readonly problem: string | null;
}

export const verdictJson = (verdict: ChainVerdict): AuditVerdictJson => ({
  ok: verdict.problem === undefined,
  rows: verdict.rows,
  head: `${verdict.head.seq}:${verdict.head.hash}`,
  forgotten_up_to: verdict.forgottenUpTo,
  problem: verdict.problem ?? null,
});

const HEAD = /^(\d{1,15}):([0-9a-f]{64})$/;

export const auditCalls = {
  'audit.list': defineCall({
    arg: query,
    scope: 'logs:configuration:read',
    run: async ({ network }, arg): Promise<AuditPage> => {
      const rows = await network.auditLog(arg satisfies AuditQuery);
      const last = rows.at(-1);
      return {
        events: rows.map(auditEvent),
        next: last === undefined || rows.length < arg.limit ? null : last.seq,
      };
    },
  }),
  'audit.verify': defineCall({
    arg: z.strictObject({
      head: z.string().regex(HEAD, 'a head is SEQ:HASH as audit verify prints it').optional(),
    }),
    scope: 'logs:configuration:read',
    run: async ({ network }, { head }): Promise<AuditVerdictJson> => {
      const noted = HEAD.exec(head ?? '');
      const expected =
        noted?.[1] === undefined || noted[2] === undefined
          ? undefined
          : { seq: Number(noted[1]), hash: noted[2] };
      return verdictJson(await verifyChain(network.store.audit, expected));
    },
  }),
};
