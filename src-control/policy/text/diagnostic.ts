/** What is wrong, or odd, in a policy, and where (policy.md §6.2). */
import { LineTable, type Range } from './position.ts';
import type { Place } from './tree.ts';

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** Stable, for programs: `policy/undefined-tag`. */
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
  readonly range: Range;
}

/** A file can't have more of them than anyone reads; the rest is counted. */
const MAX_LISTED = 200;

/** Collects diagnostics of one text. */
export class Report {
  readonly #found: Diagnostic[] = [];
  readonly #lines: LineTable;
  #errors = 0;
  #prefix = '';

  constructor(text: string) {
    this.#lines = new LineTable(text);
  }

  error(code: string, message: string, place: Place): void {
    this.#errors++;
    this.#add('error', code, this.#prefix + message, place);
  }

  /** What `body` reports as errors begins with `prefix`. */
  within<T>(prefix: string, body: () => T): T {
    const outer = this.#prefix;
    this.#prefix = prefix;
    try {
      return body();
    } finally {
      this.#prefix = outer;
    }
  }

  warn(code: string, message: string, place: Place): void {
    this.#add('warning', code, message, place);
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** In the order of the text. */
  get all(): readonly Diagnostic[] {
    return this.#found.toSorted((a, b) => a.range.start.offset - b.range.start.offset);
  }

  rangeOf(place: Place): Range {
    return this.#lines.range(place);
  }

  lineText(line: number): string {
    return this.#lines.lineText(line);
  }

  #add(severity: Diagnostic['severity'], code: string, message: string, place: Place): void {
    if (this.#found.length >= MAX_LISTED && (severity === 'warning' || this.#errors > MAX_LISTED)) return;
    this.#found.push({
      severity,
      code: `policy/${code}`,
      message,
      pointer: place.pointer,
      range: this.#lines.range(place),
    });
  }
}
