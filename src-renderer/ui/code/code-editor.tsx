/** A text editor with line numbers, colours, completion and marks at what is wrong; or the same as a comparison of two texts. */
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentUnit } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { type RefObject, useEffect, useImperativeHandle, useRef } from 'react';
import { hujson, type Word, wordsInStrings } from './hujson.ts';
import './code-editor.css';

export interface CodeMark {
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface CodeHandle {
  readonly goTo: (line: number, column: number) => void;
}

export interface CodeEditorProps {
  readonly label: string;
  readonly value: string;
  readonly onChange?: (value: string) => void;
  readonly marks?: readonly CodeMark[];
  readonly words?: readonly Word[];
  /** Compared with it; changes are marked in place. */
  readonly original?: string;
  readonly handle?: RefObject<CodeHandle | null>;
}

/** Style sheets that the editor makes are allowed by the page's nonce. */
const nonce = (): string =>
  document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

export function CodeEditor(props: CodeEditorProps): React.JSX.Element {
  const { label, value, onChange, marks, words, original, handle } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const completion = useRef(new Compartment());
  const told = useRef(onChange);
  told.current = onChange;

  // biome-ignore lint/correctness/useExhaustiveDependencies: what changes later goes into the editor below
  useEffect(() => {
    if (place.current === null) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          ...base(label, onChange === undefined),
          completion.current.of(completing(words ?? [])),
          ...(original === undefined
            ? []
            : [unifiedMergeView({ original, mergeControls: false, collapseUnchanged: { margin: 3 } })]),
          EditorView.updateListener.of(({ docChanged, state }) => {
            if (docChanged) told.current?.(state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [original, label, onChange === undefined]);

  useEffect(() => {
    const now = view.current;
    if (now === null || now.state.doc.toString() === value) return;
    now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    const now = view.current;
    if (now !== null)
      now.dispatch(
        setDiagnostics(
          now.state,
          (marks ?? []).map((mark) => placed(now.state, mark)),
        ),
      );
  }, [marks]);
  useEffect(() => {
    view.current?.dispatch({ effects: completion.current.reconfigure(completing(words ?? [])) });
  }, [words]);
  useImperativeHandle(handle, () => ({
    goTo: (line, column) => {
      const now = view.current;
      if (now === null) return;
      const anchor = offsetOf(now.state, line, column);
      now.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      now.focus();
    },
  }));
  return <div ref={place} className="code" />;
}

const base = (label: string, isReadOnly: boolean): Extension[] => [
  EditorView.cspNonce.of(nonce()),
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightActiveLine(),
  foldGutter({ openText: '▾', closedText: '▸' }),
  codeFolding(),
  lintGutter(),
  history(),
  drawSelection(),
  bracketMatching(),
  closeBrackets(),
  indentUnit.of('  '),
  hujson,
  EditorState.tabSize.of(2),
  EditorState.readOnly.of(isReadOnly),
  EditorView.lineWrapping,
  // Tab leaves the editor: nobody who uses only the keyboard gets caught in it (WCAG 2.1.2).
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...historyKeymap,
    ...completionKeymap,
    ...foldKeymap,
    ...lintKeymap,
  ]),
  EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
];

const completing = (words: readonly Word[]): Extension =>
  autocompletion({ override: [wordsInStrings(words)], icons: false });

function offsetOf(state: EditorState, line: number, column: number): number {
  const at = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)));
  return Math.min(at.to, at.from + Math.max(0, column - 1));
}

function placed(state: EditorState, mark: CodeMark): Diagnostic {
  const from = offsetOf(state, mark.line, mark.column);
  const to = Math.max(from, offsetOf(state, mark.endLine, mark.endColumn));
  return { from, to, severity: mark.severity, message: mark.message };
}
