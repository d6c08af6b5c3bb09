/** The page at the end of a machine's way in, and the refusals that are an answer rather than a failure. */
import { RhumbError } from '#shared/errors.ts';
import type { NodeRecord } from '../store/records.ts';
import { approvedPage, endPage, type Html } from '../web/page.ts';

/** With device approval a machine is known now, but has no network before an administrator's yes. */
export const letInPage = (node: NodeRecord): Html =>
  node.approvedAt === undefined
    ? endPage(
        'The machine waits for approval',
        `${node.givenName} is yours, and joins the network as soon as an administrator approves it. You can close this page.`,
      )
    : approvedPage(node.givenName);

/** The machine may not join, for a reason that its person should read. */
export const isAnswer = (error: unknown): error is RhumbError =>
  error instanceof RhumbError && (error.code === 'conflict' || error.code === 'not-allowed');
