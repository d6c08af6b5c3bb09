/** Writing the policy: checked while one types, compared with what is in force, saved with a word about why. */
import { CircleAlert, CircleCheck, GitCompare, RotateCcw, Save, TriangleAlert } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { PolicyCurrent, PolicyDiagnostic } from '#shared/console/shapes.ts';
import { Status } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { CodeEditor, type CodeHandle } from '../../../ui/code/code-editor.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { plural, t } from '../../../ui/text.ts';
import { useMay } from '../../app/session.ts';
import { type Checked, type Draft, markOf, useCheck } from './draft.ts';
import { SaveDialog } from './save-dialog.tsx';
import { useWords } from './words.ts';

export function PolicyEditor({
  current,
  draft,
  onDraft,
}: {
  readonly current: PolicyCurrent;
  readonly draft: Draft | undefined;
  readonly onDraft: (draft: Draft | undefined) => void;
}): React.JSX.Element {
  const may = useMay();
  const text = draft?.text ?? current.text;
  const isChanged = draft !== undefined && draft.text !== current.text;
  const [isComparing, setComparing] = useState(false);
  const [isSaving, setSaving] = useState(false);
  const checked = useCheck(text);
  const words = useWords(text);
  const handle = useRef<CodeHandle>(null);
  const found = useMemo(
    () => (checked.kind === 'judged' ? [...checked.judgement.errors, ...checked.judgement.warnings] : []),
    [checked],
  );
  const marks = useMemo(() => found.map(markOf), [found]);
  const canChange = may('policy.set') && current.mode === 'database';
  const isMoved = isChanged && draft.etag !== current.etag;
  return (
    <>
      {current.mode === 'file' ? (
        <Notice>
          {t(
            'The policy is read from {path} on the server: change it there. Here you can try a change out.',
            {
              path: current.path ?? '',
            },
          )}
        </Notice>
      ) : null}
      {current.problem === null ? null : <Notice tone="bad">{current.problem}</Notice>}
      {isMoved ? (
        <Notice tone="warn">
          {t('Somebody else has saved version {id} while you were writing. Compare before you save.', {
            id: current.version?.id ?? '',
          })}
        </Notice>
      ) : null}
      <div className="row policy-bar">
        <CheckState checked={checked} />
        <span className="grow" />
        {isChanged ? (
          <>
            <Button size="small" icon={GitCompare} onPress={() => setComparing(!isComparing)}>
              {isComparing ? t('Hide the changes') : t('Show the changes')}
            </Button>
            <Button size="small" icon={RotateCcw} onPress={() => onDraft(undefined)}>
              {t('Discard')}
            </Button>
          </>
        ) : null}
        {canChange ? (
          <Button
            size="small"
            kind="strong"
            icon={Save}
            isDisabled={!isChanged || checked.kind !== 'judged' || checked.judgement.errors.length > 0}
            onPress={() => setSaving(true)}
          >
            {t('Save…')}
          </Button>
        ) : null}
      </div>
      <div className="policy-work">
        <CodeEditor
          label={t('Text of the policy')}
          value={text}
          onChange={(next) =>
            onDraft(next === current.text ? undefined : { text: next, etag: draft?.etag ?? current.etag })
          }
          marks={marks}
          words={words}
          handle={handle}
          {...(isComparing && isChanged ? { original: current.text } : {})}
        />
        <Findings
          found={found}
          isJudged={checked.kind === 'judged'}
          onGo={(one) => handle.current?.goTo(one.line, one.column)}
        />
      </div>
      {isSaving && draft !== undefined ? (
        <SaveDialog
          draft={draft}
          current={current}
          onClose={() => setSaving(false)}
          onSaved={() => {
            setSaving(false);
            setComparing(false);
            onDraft(undefined);
          }}
          onRebase={(etag) => onDraft({ ...draft, etag })}
          onDiscard={() => {
            setSaving(false);
            onDraft(undefined);
          }}
        />
      ) : null}
    </>
  );
}

function CheckState({ checked }: { readonly checked: Checked }): React.JSX.Element {
  return (
    <span role="status">
      {checked.kind === 'checking' ? <span className="soft">{t('Checking…')}</span> : null}
      {checked.kind === 'failed' ? <Status tone="bad">{checked.problem}</Status> : null}
      {checked.kind === 'judged' ? <Verdict judged={checked.judgement} /> : null}
    </span>
  );
}

function Verdict({
  judged: { errors, warnings },
}: {
  readonly judged: { readonly errors: readonly unknown[]; readonly warnings: readonly unknown[] };
}): React.JSX.Element {
  if (errors.length > 0)
    return <Status tone="bad">{plural(errors.length, '{count} error', '{count} errors')}</Status>;
  if (warnings.length > 0)
    return (
      <Status tone="warn">
        {plural(warnings.length, 'Valid, {count} warning', 'Valid, {count} warnings')}
      </Status>
    );
  return <Status tone="good">{t('Valid, all its tests pass')}</Status>;
}

const MOST = 100;

function Findings({
  found,
  isJudged,
  onGo,
}: {
  readonly found: readonly PolicyDiagnostic[];
  readonly isJudged: boolean;
  readonly onGo: (one: PolicyDiagnostic) => void;
}): React.JSX.Element {
  return (
    <section className="findings" aria-label={t('Findings')}>
      {found.length === 0 ? (
        isJudged && (
          <p className="findings-none">
            <CircleCheck aria-hidden="true" /> {t('No errors, no warnings')}
          </p>
        )
      ) : (
        <ul>
          {found.slice(0, MOST).map((one) => (
            <li key={`${one.line}:${one.column}:${one.message}`}>
              <button type="button" className={`finding finding-${one.severity}`} onClick={() => onGo(one)}>
                {one.severity === 'error' ? (
                  <CircleAlert aria-hidden="true" />
                ) : (
                  <TriangleAlert aria-hidden="true" />
                )}
                <span>
                  <span className="finding-where">
                    {one.severity === 'error' ? t('Error') : t('Warning')},{' '}
                    {t('line {line}', { line: one.line })}
                  </span>
                  {one.message}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
