/** The one interface to what survives a restart; every implementation passes the same suite (store-suite.ts). */
import type { AuditQuery, AuditRow, Snapshot, Write } from './records.ts';

export interface Store extends AsyncDisposable {
  /** Everything, in one consistent read. */
  load(): Promise<Snapshot>;
  /** All of the writes or none; resolves only when they are safe against a crash of process and machine. */
  commit(writes: readonly Write[]): Promise<void>;
  /** Newest first; at most `limit` rows. */
  auditLog(query: AuditQuery): Promise<readonly AuditRow[]>;
}
