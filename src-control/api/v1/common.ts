/** What the v1 addresses have in common: ids in texts, times that may be missing. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { NodeView } from '../../state/network.ts';
import type { AuthKeyRecord, UserRecord } from '../../store/records.ts';
import type { Asked } from '../endpoint.ts';

/** 64-bit numbers are texts, as in protojson; a number is taken as well. */
export const id = z.union([z.string().max(20), z.int().min(0)]).transform(String);

/** Go writes the time that there is not as year 1. */
export const maybeTime = z.iso
  .datetime({ offset: true })
  .nullish()
  .transform((text) =>
    text === undefined || text === null || text.startsWith('0001-') ? undefined : Date.parse(text),
  );

const numberOf = (text: string, what: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new RhumbError('bad-argument', `invalid ${what} id`);
  return Number(text);
};

export function nodeOf({ deps }: Asked, text: string): NodeView {
  const view = deps.network.node(numberOf(text, 'node'));
  if (view === undefined) throw new RhumbError('not-found', 'node not found');
  return view;
}

export function userById({ deps }: Asked, text: string): UserRecord {
  const user = deps.network.user(numberOf(text, 'user'));
  if (user === undefined) throw new RhumbError('not-found', 'user not found');
  return user;
}

export function authKeyOf({ deps }: Asked, text: string): AuthKeyRecord {
  const key = deps.network.authKey(numberOf(text, 'pre-auth key'));
  if (key === undefined) throw new RhumbError('not-found', 'pre-auth key not found');
  return key;
}

/** From now until then; what is over already has a moment left. */
export const spanUntil = ({ deps }: Asked, at: number): number => Math.max(1, at - deps.clock.now());

/** What Headscale answers with 400 where we have a finer word. */
export function asBadRequest(error: unknown): never {
  if (error instanceof RhumbError && (error.code === 'not-found' || error.code === 'conflict'))
    throw new RhumbError('bad-argument', error.message, { cause: error });
  throw error;
}
