/** The one interface to what survives a restart; every implementation passes the same suite (store-suite.ts). */
import type { AuditAnchor, AuditQuery, AuditRow, RawAuditRow, Snapshot, Write } from './records.ts';

export interface Store extends AsyncDisposable {
  /** Everything, in one consistent read. */
  load(): Promise<Snapshot>;
  /** All of the writes or none; resolves only when they are safe against a crash of process and machine. */
  commit(writes: readonly Write[]): Promise<void>;
  /** Newest first; at most `limit` rows. */
  auditLog(query: AuditQuery): Promise<readonly AuditRow[]>;
  readonly audit: AuditChain;
  readonly disk: Disk;
}

/** The audit log as a chain: only ever added to at one end and, when entries are too old, forgotten from the other. */
export interface AuditChain {
  anchor(): Promise<AuditAnchor>;
  /** Oldest first, those behind `afterSeq`. */
  rows(afterSeq: number, limit: number): Promise<readonly RawAuditRow[]>;
  /** Forgets up to `maxRows` of the oldest rows that are older than `beforeMs`; how many it were. */
  prune(beforeMs: number, maxRows: number): Promise<number>;
}

/** What there is to know and to do about where the data lies. */
export interface Disk {
  /** What is wrong with the database itself, in words; empty when nothing is. Takes a while. */
  problems(): Promise<readonly string[]>;
  /** Writes a whole and consistent copy to a file that must not be there yet; work goes on meanwhile. */
  copyTo(path: string): Promise<void>;
}
