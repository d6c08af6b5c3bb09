/** One-time codes of administrators: made, found by their hash, used up. */
import { timingSafeEqual } from 'node:crypto';
import type { Actor, AdminCodeRecord, AuditEntry, CodePurpose, Write } from '../store/records.ts';
import type { Network } from './network.ts';

/** How long a code that is over stays on record. */
const KEEP_MS = 24 * 3_600_000;

export type NewAdminCode = Omit<AdminCodeRecord, 'id' | 'usedAt'>;

export async function addAdminCode(
  network: Network,
  code: NewAdminCode,
  by: Actor,
): Promise<AdminCodeRecord> {
  const { id, write } = network.nextId('adminCode');
  const value: AdminCodeRecord = { ...code, id, usedAt: undefined };
  const writes: Write[] = [write, { put: 'adminCode', value }];
  for (const old of network.adminCodes())
    if (old.expiresAt < code.createdAt - KEEP_MS) writes.push({ remove: 'adminCode', id: old.id });
  await network.save({ writes, audit: [codeEntry(network, 'create', value, code.createdAt, by)] });
  return value;
}

/** For what else ends them: the user they were made for has another role now, or is out. */
export const endCodesOf = (network: Network, userId: number): readonly Write[] =>
  [...network.adminCodes()]
    .filter((code) => code.userId === userId)
    .map(({ id }) => ({ remove: 'adminCode', id }) as const);

/** Undefined for one that is unknown, used, too old, or for something else. Every code is compared, so that the time taken says nothing. */
export function findAdminCode(
  network: Network,
  hash: Uint8Array,
  purpose: CodePurpose,
  nowMs: number,
): AdminCodeRecord | undefined {
  let found: AdminCodeRecord | undefined;
  for (const code of network.adminCodes()) {
    const isSame = code.hash.length === hash.length && timingSafeEqual(code.hash, hash);
    if (isSame && code.purpose === purpose && code.usedAt === undefined && code.expiresAt > nowMs)
      found = code;
  }
  return found;
}

/** Goes into the save of what the code lets happen, so that it never happens twice. */
export const usedAdminCode = (code: AdminCodeRecord, nowMs: number): Write => ({
  put: 'adminCode',
  value: { ...code, usedAt: nowMs },
});

const codeEntry = (
  network: Network,
  action: string,
  code: AdminCodeRecord,
  at: number,
  actor: Actor,
): AuditEntry => ({
  ...{ at, actor, action },
  target: { type: 'code', id: String(code.id), name: network.user(code.userId)?.name ?? '' },
  details: `for the ${code.purpose}`,
});
