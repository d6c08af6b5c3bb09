/** A text that is being written: on which version it rests, and what the server says of it as one types. */
import { useEffect, useState } from 'react';
import type { PolicyDiagnostic, PolicyJudgement } from '#shared/console/shapes.ts';
import type { CodeMark } from '../../../ui/code/code-editor.tsx';
import { call, problemText } from '../../api/client.ts';

export interface Draft {
  readonly text: string;
  /** Of the version that it changes. */
  readonly etag: string;
}

export type Checked =
  | { readonly kind: 'checking' }
  | { readonly kind: 'judged'; readonly judgement: PolicyJudgement }
  | { readonly kind: 'failed'; readonly problem: string };

/** Long enough not to ask in the middle of a word. */
const PAUSE_MS = 350;

export function useCheck(text: string): Checked {
  const [checked, setChecked] = useState<Checked>({ kind: 'checking' });
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => {
      setChecked((before) => (before.kind === 'judged' ? before : { kind: 'checking' }));
      call('policy.check', { text }).then(
        (judgement) => {
          if (!isOld) setChecked({ kind: 'judged', judgement });
        },
        (error: unknown) => {
          if (!isOld) setChecked({ kind: 'failed', problem: problemText(error) });
        },
      );
    }, PAUSE_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [text]);
  return checked;
}

export const markOf = (one: PolicyDiagnostic): CodeMark => ({
  severity: one.severity,
  message: one.message,
  line: one.line,
  column: one.column,
  endLine: one.end_line,
  endColumn: one.end_column,
});
