/** Whether the audit log is what was written: each row's hash covers its entry and the hash before it. */
import { chainHash } from '../store/audit-log.ts';
import type { RawAuditRow } from '../store/records.ts';
import type { AuditChain } from '../store/store.ts';

/** Some megabytes at most, and others get their turn in between. */
const ROWS_AT_ONCE = 1_000;

export interface ChainVerdict {
  readonly rows: number;
  /** The newest row: whoever notes it elsewhere finds out later whether everything up to it is still the same. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** Up to which row entries were forgotten because of their age; 0 = none. */
  readonly forgottenUpTo: number;
  /** What is wrong first, in words; undefined when nothing is. */
  readonly problem: string | undefined;
}

/** `expected` is a row that was noted before. */
export async function verifyChain(chain: AuditChain, expected?: Place): Promise<ChainVerdict> {
  let anchor = await chain.anchor();
  let head: Place = anchor;
  let rows = 0;
  let isMet = expected === undefined || (expected.seq === anchor.seq && expected.hash === anchor.hash);
  const verdict = (problem: string | undefined): ChainVerdict => ({
    ...{ rows, head, forgottenUpTo: anchor.seq, problem },
  });
  for (;;) {
    const next = await chain.rows(head.seq, ROWS_AT_ONCE);
    const now = await chain.anchor();
    // What was too old went meanwhile: the rest begins where that ended.
    if (now.seq > head.seq) {
      anchor = now;
      head = now;
      continue;
    }
    for (const row of next) {
      const problem = wrongLink(head, row) ?? wrongNote(expected, row);
      if (problem !== undefined) return verdict(problem);
      isMet ||= row.seq === expected?.seq;
      head = { seq: row.seq, hash: row.hash };
      rows += 1;
    }
    if (next.length < ROWS_AT_ONCE) break;
  }
  return verdict(isMet || expected === undefined ? undefined : unmet(expected.seq, head.seq));
}

interface Place {
  readonly seq: number;
  readonly hash: string;
}

function wrongLink(before: Place, row: RawAuditRow): string | undefined {
  if (row.seq !== before.seq + 1) return `row ${before.seq + 1} is missing: the next one is ${row.seq}`;
  return row.hash === chainHash(before.hash, row.entry)
    ? undefined
    : `row ${row.seq} is not what was written, or the one before it was taken out`;
}

const wrongNote = (noted: Place | undefined, row: RawAuditRow): string | undefined =>
  noted !== undefined && row.seq === noted.seq && row.hash !== noted.hash
    ? `row ${row.seq} is not the one that was noted`
    : undefined;

const unmet = (noted: number, last: number): string =>
  noted > last
    ? `row ${noted}, which was noted, is missing: the log ends with ${last}`
    : `row ${noted}, which was noted, was forgotten because of its age`;
