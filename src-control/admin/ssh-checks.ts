/** Calls about SSH sessions that wait for a fresh sign-in: seen by administrators, and answered by them for tagged machines. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { WaitingSession } from '../ssh-check/waiting.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import { type AdminDeps, live } from './deps.ts';

export interface SshCheckJson {
  readonly id: string;
  readonly source: string;
  readonly destination: string;
  readonly login: string;
  /** As the terminal shows it, to compare. */
  readonly number: string;
  readonly created_at: string;
}

const json = ({ id, session, number, createdAt }: WaitingSession): SshCheckJson => ({
  id,
  source: session.source.givenName,
  destination: session.destination.givenName,
  login: session.login,
  number,
  created_at: formatTime(createdAt),
});

const checksOf = (deps: AdminDeps) => live(deps, 'no SSH session waits').sshCheck;

export const sshCheckCalls = {
  'ssh-checks.list': defineCall({
    arg: nothing,
    scope: 'devices:core:read',
    run: async (deps) => checksOf(deps).waiting.list().map(json),
  }),
  'ssh-checks.answer': defineCall({
    arg: z.strictObject({ id: z.string().min(1).max(128), accept: z.boolean() }),
    scope: 'all',
    run: async (deps, { id, accept }, by) => {
      const check = checksOf(deps);
      const waiting = check.waiting.get(id);
      if (waiting === undefined)
        throw new RhumbError('not-found', `no SSH session ${id} waits: see ssh-checks list`);
      // For somebody's own machine only its person can say that they are at the other end.
      if (accept && waiting.session.source.userId !== undefined)
        throw new RhumbError(
          'not-allowed',
          `only the owner of ${waiting.session.source.givenName} can let it in, at the address that the terminal shows`,
        );
      await check.answer(id, accept, undefined, by);
      return json(waiting);
    },
  }),
};
