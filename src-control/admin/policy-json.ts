/** What calls about the policy answer with. */
import type { CompiledPolicy } from '../policy/compile/compiled.ts';
import type { Judgement, PolicyBook } from '../policy/live/book.ts';
import type { Diagnostic } from '../policy/text/diagnostic.ts';
import { LineTable } from '../policy/text/position.ts';
import type { Explanation } from '../policy/verdict/explain.ts';
import type { PreviewMatch } from '../policy/verdict/preview.ts';
import type { PolicyRecord } from '../store/records.ts';
import { timeJson } from './time-json.ts';

export interface VersionJson {
  readonly id: number;
  /** SHA-256 of the text: what `ifMatch` compares with. */
  readonly etag: string;
  readonly author: string;
  readonly comment: string;
  readonly created_at: string | null;
  readonly bytes: number;
  readonly active: boolean;
}

export interface DiagnosticJson {
  readonly severity: Diagnostic['severity'];
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
  readonly end_line: number;
  readonly end_column: number;
}

export interface JudgementJson {
  readonly errors: readonly DiagnosticJson[];
  readonly warnings: readonly DiagnosticJson[];
  /** What to say yes to before it is set. */
  readonly concerns: readonly string[];
}

export const versionJson = (record: PolicyRecord, active: PolicyRecord | undefined): VersionJson => ({
  id: record.id,
  etag: record.sha256,
  author: record.author,
  comment: record.comment,
  created_at: timeJson(record.createdAt),
  bytes: Buffer.byteLength(record.text),
  active: record.id === active?.id,
});

export const diagnosticJson = ({ severity, code, message, pointer, range }: Diagnostic): DiagnosticJson => ({
  severity,
  code,
  message,
  pointer,
  line: range.start.line,
  column: range.start.column,
  end_line: range.end.line,
  end_column: range.end.column,
});

export const judgementJson = ({ errors, warnings, concerns }: Judgement): JudgementJson => ({
  errors: errors.map(diagnosticJson),
  warnings: warnings.map(diagnosticJson),
  concerns,
});

export interface ExplainJson {
  readonly verdict: Explanation['verdict'];
  readonly reasons: readonly string[];
  readonly rules: readonly {
    readonly pointer: string;
    readonly line: number;
    readonly column: number;
    /** The line of the policy. */
    readonly text: string;
  }[];
  readonly enforced_by: readonly string[];
}

export function explainJson(found: Explanation, text: string): ExplainJson {
  const lines = new LineTable(text);
  return {
    verdict: found.verdict,
    reasons: found.reasons,
    rules: found.rules.map((place) => {
      const { start } = lines.range(place);
      return {
        pointer: place.pointer,
        line: start.line,
        column: start.column,
        text: lines.lineText(start.line).trim(),
      };
    }),
    enforced_by: found.enforcedBy,
  };
}

export interface PreviewJson {
  readonly matches: readonly {
    readonly users: readonly string[];
    readonly ports: readonly string[];
    readonly line: number;
  }[];
}

export function previewJson(found: readonly PreviewMatch[], text: string): PreviewJson {
  const lines = new LineTable(text);
  return {
    matches: found.map(({ at, users, ports }) => ({ users, ports, line: lines.range(at).start.line })),
  };
}

export interface ReachJson {
  readonly nodes: readonly {
    readonly id: number;
    readonly name: string;
    readonly tags: readonly string[];
    readonly user_id: number | null;
  }[];
  /** Who may begin to talk to whom. */
  readonly edges: readonly { readonly from: number; readonly to: readonly number[] }[];
  /** More than these was left out. */
  readonly truncated: boolean;
}

/** Who may begin to talk to whom, of some machines; at most `limit` edges. */
export function reachJson(
  compiled: CompiledPolicy,
  ids: ReadonlySet<number> | undefined,
  limit: number,
): ReachJson {
  const chosen = compiled.machines.filter(({ id }) => ids === undefined || ids.has(id));
  const edges: { from: number; to: readonly number[] }[] = [];
  const shown = new Set(chosen);
  let left = limit;
  for (const machine of chosen) {
    const reached = compiled.reachedFrom(machine).slice(0, left);
    left -= reached.length;
    for (const other of reached) shown.add(other);
    if (reached.length > 0) edges.push({ from: machine.id, to: reached.map(({ id }) => id) });
    if (left === 0) break;
  }
  const nodes = [...shown].map(({ id, name, tags, userId }) => ({ id, name, tags, user_id: userId ?? null }));
  return { nodes, edges, truncated: left === 0 };
}

export interface CurrentJson {
  readonly text: string;
  readonly etag: string;
  /** Null where nobody has set a policy yet. */
  readonly version: VersionJson | null;
  readonly mode: 'database' | 'file';
  readonly path: string | null;
  /** What is wrong with it, in words; null when nothing is. */
  readonly problem: string | null;
}

export const currentJson = (book: PolicyBook, emptyEtag: string): CurrentJson => {
  const { newest, active } = book;
  return {
    text: newest?.text ?? '',
    etag: newest?.sha256 ?? emptyEtag,
    version: newest === undefined ? null : versionJson(newest, active),
    mode: book.file === undefined ? 'database' : 'file',
    path: book.file ?? null,
    problem: book.problem ?? null,
  };
};
